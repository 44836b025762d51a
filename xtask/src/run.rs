//! Running external commands with errors that name the command.

use crate::{console::command_line, guard::ManagedProcess, workspace};
use anyhow::{Result, bail};
use std::{
    env,
    process::{Command, Stdio},
};

/// The cargo that runs xtask, in the root of the workspace.
///
/// `cargo run` describes xtask's own package in the environment. Build scripts that watch those
/// variables would otherwise run again each time xtask calls cargo.
pub fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace::root());
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// Runs a command to its end. An exit status other than 0 is an error.
pub fn run(command: &mut Command) -> Result<()> {
    let status = ManagedProcess::start(command)?.wait()?;
    if !status.success() {
        bail!("{} failed ({status})", command_line(command));
    }
    Ok(())
}

/// The trimmed standard output of a command; `None` if it is missing or fails.
pub fn output_of(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
