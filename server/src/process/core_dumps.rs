//! Disables core dumps and tracing of this process, whose memory holds passwords.

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};

/// Sets the limit of core dumps to zero, and makes the process not dumpable: a core dump that is piped
/// to a program ignores the limit. To be called after the user was switched, which resets the latter.
/// A failure is logged.
pub fn disable() {
    if let Err(error) = try_disable() {
        tracing::warn!("core dumps stay enabled: {error}");
    }
}

fn try_disable() -> Result<(), Errno> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    prctl::set_dumpable(false)
}

#[cfg(test)]
mod tests {
    use nix::sys::resource::getrlimit;

    use super::*;

    #[test]
    fn a_process_leaves_no_core_dump() {
        disable();
        assert_eq!(getrlimit(Resource::RLIMIT_CORE), Ok((0, 0)));
        assert_eq!(prctl::get_dumpable(), Ok(false));
    }
}
