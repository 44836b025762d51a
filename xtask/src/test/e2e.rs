//! The end-to-end tests: Playwright with the development build.

use crate::{
    console, run,
    setup::{apt, mail_servers, programs},
    workspace,
};
use anyhow::Result;
use std::process::Command;

pub fn run() -> Result<()> {
    let chromium = programs::chromium()?;
    run::run(&mut node("node_modules/typescript/bin/tsc"))?;
    let mut playwright = node("node_modules/@playwright/test/cli.js");
    playwright
        .arg("test")
        .env("POSTERN_BIN", workspace::target().join("debug/postern"))
        .env("POSTERN_CHROMIUM", chromium)
        .env("POSTERN_E2E_OUTPUT", workspace::target().join("end2end"));
    if apt::is_root() {
        playwright.env("POSTERN_DEBIAN", mail_servers::folder()?);
    } else {
        console::note("Tests with Debian's mail servers skipped: they need root.");
    }
    run::run(&mut playwright)
}

/// A Node.js program in `end2end`.
fn node(program: &str) -> Command {
    let mut node = Command::new("node");
    node.arg(program)
        .current_dir(workspace::root().join("end2end"));
    node
}
