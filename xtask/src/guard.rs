//! What a chore started ends with the chore, whatever ends the chore.
//!
//! Every program runs in a process group of its own, and a second process of xtask holds the end
//! of a pipe on which it is told of each. When the pipe closes (success, failure, Ctrl-C, even
//! SIGKILL) it stops the groups that still run and removes the folders that are still there.
//! That needs no signal handler, and nothing can be forgotten.

use anyhow::{Context, Result};
use std::{
    env, fs,
    io::{Write, stdin},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{Mutex, PoisonError},
    thread::sleep,
    time::{Duration, Instant},
};

/// How long a program may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(10);

static WATCHER: Mutex<Option<(Child, ChildStdin)>> = Mutex::new(None);

/// A program that runs until it ends by itself or this value is dropped.
pub struct ManagedProcess {
    child: Child,
    shown: String,
}

impl ManagedProcess {
    pub fn start(command: &mut Command) -> Result<Self> {
        let shown = crate::run::shown(command);
        let child = command
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {shown}"))?;
        tell("start", &child.id().to_string())?;
        Ok(Self { child, shown })
    }

    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    pub fn wait(&mut self) -> Result<ExitStatus> {
        let status = self
            .child
            .wait()
            .with_context(|| format!("lost {}", self.shown))?;
        tell("end", &self.child.id().to_string())?;
        Ok(status)
    }

    /// Nothing when the program has not ended within `limit`.
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
        // Already told when it ended by itself; the watcher does not mind hearing it twice.
        let _ = tell("end", &group.to_string());
    }
}

/// An empty folder that is removed when this value is dropped.
pub struct TempDir(pub PathBuf);

impl TempDir {
    pub fn create(parent: &Path, name: &str) -> Result<Self> {
        let path = parent.join(format!("{name}-{}", std::process::id()));
        tell("made", &path.to_string_lossy())?;
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
        let _ = tell("gone", &self.0.to_string_lossy());
    }
}

/// A file system that this process serves, and that nobody would serve after it.
pub struct MountGuard(PathBuf);

impl MountGuard {
    /// Called before it is mounted.
    pub fn at(path: &Path) -> Result<Self> {
        tell("mount", &path.to_string_lossy())?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for MountGuard {
    /// By then it is unmounted.
    fn drop(&mut self) {
        let _ = tell("unmount", &self.0.to_string_lossy());
    }
}

/// Ends the watcher; called before this process becomes another program.
pub fn dismiss() {
    if let Some((mut watcher, pipe)) = WATCHER
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()
    {
        drop(pipe);
        let _ = watcher.wait();
    }
}

/// `cargo xtask guard`, started by the chores themselves.
pub fn watch() -> Result<()> {
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
    // The last one started may need the first.
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

fn tell(what: &str, whom: &str) -> Result<()> {
    let mut watcher = WATCHER.lock().unwrap_or_else(PoisonError::into_inner);
    if watcher.is_none() {
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
        *watcher = Some((child, pipe));
    }
    if let Some((_, pipe)) = watcher.as_mut() {
        writeln!(pipe, "{what} {whom}").context("the guard is gone")?;
    }
    Ok(())
}

fn stop(group: u32, gone: impl FnMut() -> bool) {
    signal("INT", group);
    // A chore that a script put into the background ignores interrupts, and so does all it starts.
    // PostgreSQL, which tells the two apart, goes by the quicker one.
    signal("TERM", group);
    if !until(GRACE, gone) {
        signal("KILL", group);
    }
}

/// Whether the signal could be sent. The shell's own `kill` is there on every system.
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
