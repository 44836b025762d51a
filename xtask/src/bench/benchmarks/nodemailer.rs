//! Comparison with nodemailer's pool, which keeps nothing on disk, at Debian's smtp-sink.

use crate::{
    bench::{
        others::smtp_tools::SmtpSink,
        system::{load::MAIL_BYTES, measure_throughput},
        table::{RUNS, Row, median, thousands},
    },
    console,
    rig::environment::{Database, Environment},
    run::output_of,
    setup::apt,
    workspace,
};
use anyhow::{Context, Result};
use std::{net::SocketAddr, process::Command};

const CONNECTIONS: usize = 32;
const MAILS: u64 = 20_000;

pub fn rows(environment: &mut Environment) -> Result<Vec<Row>> {
    let packages = workspace::root().join("end2end/node_modules/nodemailer");
    if !packages.exists() {
        console::note(
            "No comparison with nodemailer: install its packages with `cargo xtask test site`.",
        );
        return Ok(Vec::new());
    }
    if !apt::is_root() {
        console::note("No comparison with nodemailer: smtp-sink needs root.");
        return Ok(Vec::new());
    }
    // Not at the relay of the other rows: it replies once a segment is read, and nodemailer sends the
    // end of a mail in a segment of its own, which the kernel withholds until the first is acknowledged.
    let sink = SmtpSink::start()?;
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        theirs.push(rate(sink.address)?);
        ours.push(measure_throughput(
            environment,
            Database::Sqlite,
            sink.address,
            CONNECTIONS,
            MAILS,
        )?);
    }
    let rate = median(theirs, |rate| *rate).context("no run")?;
    let run = median(ours, |run| run.per_second).context("no run")?;
    let row = |what: &str, measured: f64, beside: String| Row {
        what: format!("{what}, {CONNECTIONS} connections, smtp-sink"),
        measured: format!("{}/s", thousands(measured)),
        minimum: String::new(),
        goal: String::new(),
        beside,
    };
    Ok(vec![
        row(
            "nodemailer's pool",
            rate,
            format!(
                "keeps nothing on disk; {:.1} ms per mail on each connection",
                CONNECTIONS as f64 / rate * 1000.0
            ),
        ),
        row(
            "accepted, delivered, recorded, SQLite",
            run.per_second,
            format!(
                "{:.2} times nodemailer's pool; CPU time per mail: Postern {} µs",
                run.per_second / rate,
                run.processor_time.as_micros()
            ),
        ),
    ])
}

/// Mails per second that nodemailer sends.
fn rate(relay: SocketAddr) -> Result<f64> {
    let mut node = Command::new("node");
    node.current_dir(workspace::root().join("end2end"))
        .args([
            "--input-type=module",
            "--eval",
            include_str!("nodemailer.mjs"),
            "--",
        ])
        .arg(relay.port().to_string())
        .args([CONNECTIONS as u64, MAILS, MAIL_BYTES as u64].map(|number| number.to_string()));
    let seconds = output_of(&mut node).context("nodemailer failed")?;
    Ok(MAILS as f64 / seconds.parse::<f64>()?)
}
