//! Cleanup of child processes, temporary folders and mounts, also after SIGKILL.
//!
//! Each child runs in a process group of its own. A second xtask process, the guard, reads from a
//! pipe which groups, folders and mounts exist. When the pipe closes, for whatever reason the main
//! process ended, the guard stops the remaining groups and removes the remaining folders. This
//! needs no signal handler.

use anyhow::{Context, Result};
use parking_lot::Mutex;
use std::{
    env, fs,
    io::{Write, stdin},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// Time between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(10);

static GUARD: Mutex<Option<(Child, ChildStdin)>> = Mutex::new(None);

/// A child process in a process group of its own. The group is stopped on drop.
pub struct ManagedProcess {
    child: Child,
    command_line: String,
}

impl ManagedProcess {
    pub fn start(command: &mut Command) -> Result<Self> {
        let command_line = crate::console::command_line(command);
        let child = command
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {command_line}"))?;
        notify("start", &child.id().to_string())?;
        Ok(Self {
            child,
            command_line,
        })
    }

    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    pub fn wait(&mut self) -> Result<ExitStatus> {
        let status = self
            .child
            .wait()
            .with_context(|| format!("cannot wait for {}", self.command_line))?;
        notify("end", &self.child.id().to_string())?;
        Ok(status)
    }

    /// Waits for the process to end; `None` if it has not within `limit`.
    pub fn wait_at_most(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        match until(limit, || {
            matches!(self.child.try_wait(), Ok(Some(_)) | Err(_))
        }) {
            true => self.wait().map(Some),
            false => Ok(None),
        }
    }
}

impl Drop for ManagedProcess {
    fn drop(&mut self) {
        let group = self.child.id();
        if let Ok(None) = self.child.try_wait() {
            stop(group, || {
                matches!(self.child.try_wait(), Ok(Some(_)) | Err(_))
            });
        }
        // A second `end` after `wait` is harmless.
        let _ = notify("end", &group.to_string());
    }
}

/// A temporary folder, removed on drop.
pub struct TempDir(pub PathBuf);

impl TempDir {
    pub fn create(parent: &Path, name: &str) -> Result<Self> {
        let path = parent.join(format!("{name}-{}", std::process::id()));
        notify("made", &path.to_string_lossy())?;
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
        let _ = notify("gone", &self.0.to_string_lossy());
    }
}

/// Registers a FUSE mount with the guard, which unmounts it if this process is killed.
pub struct MountGuard(PathBuf);

impl MountGuard {
    /// Registers `path`. Call this before mounting.
    pub fn at(path: &Path) -> Result<Self> {
        notify("mount", &path.to_string_lossy())?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for MountGuard {
    // The owner unmounts before it drops this value.
    fn drop(&mut self) {
        let _ = notify("unmount", &self.0.to_string_lossy());
    }
}

/// Ends the guard. Call this before `exec`.
pub fn dismiss() {
    if let Some((mut guard, pipe)) = GUARD.lock().take() {
        drop(pipe);
        let _ = guard.wait();
    }
}

/// `cargo xtask guard`: the guard process. Only xtask itself starts it.
pub fn run_guard() -> Result<()> {
    let (mut groups, mut folders) = (Vec::<u32>::new(), Vec::<PathBuf>::new());
    let mut mounts = Vec::<PathBuf>::new();
    for line in stdin().lines() {
        let line = line?;
        match line.split_once(' ') {
            Some(("start", group)) => groups.push(group.parse()?),
            Some(("end", group)) => groups.retain(|known| known.to_string() != group),
            Some(("made", folder)) => folders.push(folder.into()),
            Some(("gone", folder)) => folders.retain(|known| known != Path::new(folder)),
            Some(("mount", path)) => mounts.push(path.into()),
            Some(("unmount", path)) => mounts.retain(|known| known != Path::new(path)),
            _ => {}
        }
    }
    // In reverse order: a later process may depend on an earlier one.
    for group in groups.into_iter().rev() {
        stop(group, || !signal("0", group));
    }
    for path in mounts {
        let mut unmount = Command::new("umount");
        let _ = unmount
            .arg("--lazy")
            .arg(path)
            .stderr(Stdio::null())
            .status();
    }
    for folder in folders {
        let _ = fs::remove_dir_all(folder);
    }
    Ok(())
}

fn notify(event: &str, subject: &str) -> Result<()> {
    let mut guard = GUARD.lock();
    if guard.is_none() {
        let mut child = Command::new(env::current_exe()?)
            .arg("guard")
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .context("cannot start the guard")?;
        let pipe = child
            .stdin
            .take()
            .context("the guard has no standard input")?;
        *guard = Some((child, pipe));
    }
    if let Some((_, pipe)) = guard.as_mut() {
        writeln!(pipe, "{event} {subject}").context("the guard has ended")?;
    }
    Ok(())
}

fn stop(group: u32, gone: impl FnMut() -> bool) {
    signal("INT", group);
    // A background job of a script ignores SIGINT, and so do its children. PostgreSQL takes
    // SIGINT as a fast shutdown, SIGTERM as a slow one: with both it shuts down fast.
    signal("TERM", group);
    if !until(GRACE, gone) {
        signal("KILL", group);
    }
}

/// Sends a signal to a process group; `false` if the group does not exist.
fn signal(name: &str, group: u32) -> bool {
    Command::new("sh")
        .args(["-c", &format!("kill -s {name} -- -{group}")])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn until(limit: Duration, mut reached: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !reached() {
        if start.elapsed() > limit {
            return false;
        }
        sleep(Duration::from_millis(20));
    }
    true
}
