//! A clean Debian root, in which packages are installed and programs run.

use crate::{console, guard::TempDir, run::run, setup::programs};
use anyhow::{Context, Result, bail};
use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// Beside the essential packages: systemd for its tools, strace for the system calls of the service, sqlite3 for
/// a database of an earlier version.
const PACKAGES: &str = "--include=systemd,strace,sqlite3";

/// A folder with a Debian system; no service manager runs in it. It is removed on drop.
pub struct DebianRoot(TempDir);

impl DebianRoot {
    /// Makes one of this machine's release, for whose libraries the packages are built.
    pub fn create() -> Result<Self> {
        programs::require("mmdebstrap", "mmdebstrap")?;
        let release = release()?;
        let folder = TempDir::create(&env::temp_dir(), "postern-dist")?;
        let step = console::step(&format!("Make a root of Debian {release}"));
        run(Command::new("mmdebstrap")
            .args(["--quiet", "--variant=minbase", PACKAGES, &release])
            .arg(folder.0.join("root")))?;
        let root = Self(folder);
        fs::write(root.path("etc/hosts"), "127.0.0.1 localhost\n")?;
        step.done("made");
        Ok(root)
    }

    /// The path of a file in the root, as this process opens it.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.0.0.join("root").join(inside.trim_start_matches('/'))
    }

    /// Whether there is a file or a link of this path.
    pub fn has(&self, inside: &str) -> bool {
        fs::symlink_metadata(self.path(inside)).is_ok()
    }

    /// A command in the root, as root, with a /proc that ends with it.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("unshare");
        command
            .args(["--mount-proc", "--root"])
            .arg(self.path(""))
            .arg(program)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LANG", "C.UTF-8")
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    /// Runs a command to its end and returns its standard output. The error has all of its output.
    pub fn run(&self, words: &[&str]) -> Result<String> {
        let output = self.output(words, "")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            bail!(
                "{} failed ({}): {text}{errors}",
                words.join(" "),
                output.status
            );
        }
        Ok(text)
    }

    /// Runs a command that has to fail with this text on standard error.
    pub fn run_refused(&self, words: &[&str], reason: &str) -> Result<()> {
        let output = self.output(words, "")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        if output.status.success() || !errors.contains(reason) {
            let (words, status) = (words.join(" "), output.status);
            bail!("{words} did not fail with {reason:?} ({status}): {errors}");
        }
        Ok(())
    }

    /// Runs a command with this text as its standard input.
    pub fn output(&self, words: &[&str], input: &str) -> Result<Output> {
        let (program, arguments) = words.split_first().context("no command")?;
        let mut child = self
            .command(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let mut pipe = child.stdin.take().context("no standard input")?;
        // A command that reads nothing may have ended.
        let _ = pipe.write_all(input.as_bytes());
        drop(pipe);
        Ok(child.wait_with_output()?)
    }

    /// Installs a package of this machine.
    pub fn install(&self, package: &Path) -> Result<()> {
        let copy = self.copy(package)?;
        self.run(&["dpkg", "--install", &copy]).map(|_| ())
    }

    /// Copies a package into the root, and returns its path there.
    pub fn copy(&self, package: &Path) -> Result<String> {
        let name = package.file_name().context("a package without a name")?;
        let inside = format!("/srv/{}", name.to_string_lossy());
        fs::copy(package, self.path(&inside))
            .with_context(|| format!("cannot copy {}", package.display()))?;
        Ok(inside)
    }
}

/// The codename of this machine's release.
fn release() -> Result<String> {
    let text = fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    let mut lines = text.lines();
    let codename = lines.find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let codename = codename.context("/etc/os-release has no VERSION_CODENAME")?;
    Ok(codename.trim_matches('"').to_owned())
}
