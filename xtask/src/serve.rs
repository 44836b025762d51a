//! `cargo xtask serve`: builds for development, then replaces itself with the server.

use crate::{build, console, guard, workspace};
use anyhow::{Result, bail};
use std::{os::unix::process::CommandExt, process::Command};

/// Returns only if `exec` fails. The server takes this process's place and receives its signals.
pub fn serve(arguments: &[String]) -> Result<()> {
    let postern = build::development()?;
    let mut server = Command::new(postern);
    server.current_dir(workspace::root()).arg("serve");
    if !arguments
        .iter()
        .any(|argument| argument == "--data" || argument.starts_with("--data="))
    {
        server.args(["--data", "./data"]);
    }
    server.args(arguments);
    console::step(&console::command_line(&server));
    guard::dismiss();
    let error = server.exec();
    bail!("cannot start the server: {error}")
}
