//! `cargo xtask serve`: build, then become the server.

use crate::{build, console, guard, workspace};
use anyhow::{Result, bail};
use std::{os::unix::process::CommandExt, process::Command};

/// Comes back only when the server cannot be started: signals then reach it and nobody else.
pub fn serve(arguments: &[String]) -> Result<()> {
    let postern = build::build()?;
    let mut server = Command::new(postern);
    server.current_dir(workspace::root()).arg("serve");
    if !arguments
        .iter()
        .any(|argument| argument == "--data" || argument.starts_with("--data="))
    {
        server.args(["--data", "./data"]);
    }
    server.args(arguments);
    console::step(&crate::run::shown(&server));
    guard::dismiss();
    let error = server.exec();
    bail!("cannot start the server: {error}")
}
