//! Comparison with nodemailer's connection pool, which keeps nothing on disk.

use super::{
    load::MAIL_BYTES,
    system::CountingRelay,
    table::{Row, thousands},
};
use crate::{console, rig::environment::Environment, run::output_of, workspace};
use anyhow::{Context, Result};
use std::process::Command;

const CONNECTIONS: usize = 32;
const MAILS: u64 = 20_000;

pub fn row(_: &mut Environment) -> Result<Vec<Row>> {
    let folder = workspace::root().join("end2end");
    if !folder.join("node_modules/nodemailer").exists() {
        console::note(
            "No comparison with nodemailer: install its packages with `cargo xtask test site`.",
        );
        return Ok(Vec::new());
    }
    let relay = CountingRelay::start()?;
    let mut node = Command::new("node");
    node.current_dir(folder)
        .args([
            "--input-type=module",
            "--eval",
            include_str!("nodemailer.mjs"),
            "--",
        ])
        .arg(relay.relay.address.port().to_string())
        .args([CONNECTIONS as u64, MAILS, MAIL_BYTES as u64].map(|number| number.to_string()));
    let seconds = output_of(&mut node).context("nodemailer failed")?;
    let rate = MAILS as f64 / seconds.parse::<f64>()?;
    Ok(vec![Row {
        what: format!("nodemailer's pool, {CONNECTIONS} connections, the same relay"),
        measured: format!("{}/s", thousands(rate)),
        minimum: String::new(),
        goal: String::new(),
        beside: format!(
            "keeps nothing on disk; {:.0} ms per mail on each connection",
            CONNECTIONS as f64 / rate * 1000.0
        ),
    }])
}
