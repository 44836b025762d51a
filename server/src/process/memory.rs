//! Sets glibc's allocator to return large blocks to the system.

/// Fixes the size from which glibc maps a block by itself, at its initial value of 128 KiB. Otherwise it
/// grows with each large block that is freed, and later ones come from heaps, which keep hundreds of
/// megabytes after a few large mails. To be called before any thread is started.
#[cfg(target_env = "gnu")]
pub fn return_large_blocks() {
    const THRESHOLD: libc::c_int = 128 * 1024;
    #[allow(unsafe_code, reason = "the function has no safe interface")]
    // SAFETY: it takes two numbers, and no other thread runs yet.
    let done = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, THRESHOLD) };
    debug_assert_eq!(done, 1, "glibc knows the option");
}

/// Other allocators return the memory of large blocks by themselves.
#[cfg(not(target_env = "gnu"))]
pub fn return_large_blocks() {}
