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
    let (mut shipped, mut without_delay, mut ours) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        shipped.push(rate(sink.address, Sockets::AsShipped)?);
        without_delay.push(rate(sink.address, Sockets::NoDelay)?);
        ours.push(measure_throughput(
            environment,
            Database::Sqlite,
            sink.address,
            CONNECTIONS,
            MAILS,
        )?);
    }
    let shipped = median(shipped, |rate| *rate).context("no run")?;
    let without_delay = median(without_delay, |rate| *rate).context("no run")?;
    let run = median(ours, |run| run.per_second).context("no run")?;
    let row = |what: &str, measured: f64, beside: String| Row {
        what: format!("{what}, {CONNECTIONS} connections, smtp-sink"),
        measured: format!("{}/s", thousands(measured)),
        minimum: String::new(),
        goal: String::new(),
        beside,
    };
    let per_mail = |rate: f64| CONNECTIONS as f64 / rate * 1000.0;
    Ok(vec![
        row(
            "nodemailer's pool as shipped, without TCP_NODELAY",
            shipped,
            format!(
                "keeps nothing on disk; {:.1} ms per mail on each connection, most of it the delayed \
                 acknowledgement of the kernel",
                per_mail(shipped)
            ),
        ),
        row(
            "nodemailer's pool with TCP_NODELAY on its sockets (`getSocket`)",
            without_delay,
            format!(
                "keeps nothing on disk; {:.1} ms per mail on each connection",
                per_mail(without_delay)
            ),
        ),
        row(
            "accepted, delivered, recorded, SQLite",
            run.per_second,
            format!(
                "{:.2} times nodemailer's pool as shipped, {:.2} times with TCP_NODELAY; CPU time per mail: \
                 Postern {} µs",
                run.per_second / shipped,
                run.per_second / without_delay,
                run.processor_time.as_micros()
            ),
        ),
    ])
}

/// The sockets of nodemailer's connections.
#[derive(Clone, Copy)]
enum Sockets {
    /// It sets no `TCP_NODELAY`, so that the end of a mail waits for the acknowledgement of what is before it.
    AsShipped,
    /// With `TCP_NODELAY`, by its option `getSocket`.
    NoDelay,
}

/// Mails per second that nodemailer sends.
fn rate(relay: SocketAddr, sockets: Sockets) -> Result<f64> {
    let no_delay = matches!(sockets, Sockets::NoDelay);
    let mut node = Command::new("node");
    node.current_dir(workspace::root().join("end2end"))
        .args([
            "--input-type=module",
            "--eval",
            include_str!("nodemailer.mjs"),
            "--",
        ])
        .arg(relay.port().to_string())
        .args(
            [
                CONNECTIONS as u64,
                MAILS,
                MAIL_BYTES as u64,
                u64::from(no_delay),
            ]
            .map(|number| number.to_string()),
        );
    let seconds = output_of(&mut node).context("nodemailer failed")?;
    Ok(MAILS as f64 / seconds.parse::<f64>()?)
}
