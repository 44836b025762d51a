//! Submission benchmarks: mail of smtp-source over SMTP, also with Postfix in place of Postern.

use super::delivery::{
    CONNECTIONS, MAILS, POSTFIX_MAILS, RUNS_BESIDE, beside_postfix, rate, wait_for_arrival,
};
use crate::{
    bench::{
        others::{
            postfix::Postfix,
            smtp_tools::{self, SmtpSink},
        },
        system::{SystemUnderTest, Throughput, WARM_UP},
        table::{RUNS, Row, median, spread, thousands},
    },
    console,
    rig::{
        environment::{Database, Environment},
        postern::free_address,
        process,
    },
    setup::apt,
};
use anyhow::{Context, Result, bail};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

/// Sessions of smtp-source, each with one mail at a time.
const SESSIONS: usize = 64;

/// Mails of one run that only accepts them.
const INTAKE_MAILS: u64 = 120_000;

/// A run that only accepts mails.
struct IntakeRun {
    per_second: f64,
    /// CPU time of Postern per mail.
    processor_time: Duration,
    /// CPU time of smtp-source per mail.
    source_time: Duration,
}

/// Mails accepted over SMTP, each on disk before its reply.
pub fn intake(environment: &mut Environment) -> Result<Vec<Row>> {
    if !has_mail_servers() {
        return Ok(Vec::new());
    }
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        runs.push(intake_run(environment)?);
    }
    let rates: Vec<f64> = runs.iter().map(|run| run.per_second).collect();
    let run = median(runs, |run| run.per_second).context("no run")?;
    Ok(vec![Row {
        what: format!(
            "intake over SMTP, {SESSIONS} sessions, 4 KB, {}",
            Database::Sqlite
        ),
        measured: format!("{}/s, {}", thousands(run.per_second), spread(&rates)),
        minimum: "12,000/s".to_owned(),
        goal: String::new(),
        beside: format!(
            "CPU time per mail: Postern {} µs, smtp-source {} µs",
            run.processor_time.as_micros(),
            run.source_time.as_micros()
        ),
    }])
}

fn intake_run(environment: &mut Environment) -> Result<IntakeRun> {
    let (mut system, address) = start_listening(environment, &["--no-delivery"])?;
    smtp_tools::load(address, SESSIONS, WARM_UP)?;
    let accepted_before = system.accepted()?;
    let before = system.processor_time()?;
    let source_before = process::processor_time_of_ended_children()?;
    let start = Instant::now();
    smtp_tools::load(address, SESSIONS, INTAKE_MAILS)?;
    let time = start.elapsed();
    let processor_time = system.processor_time()?.saturating_sub(before);
    let source_time = process::processor_time_of_ended_children()?.saturating_sub(source_before);
    let accepted = system.accepted()?.saturating_sub(accepted_before);
    system.postern.stop()?;
    if accepted != INTAKE_MAILS {
        bail!("smtp-source submitted {INTAKE_MAILS} mails, and postern accepted {accepted}");
    }
    Ok(IntakeRun {
        per_second: accepted as f64 / time.as_secs_f64(),
        processor_time: processor_time / INTAKE_MAILS as u32,
        source_time: source_time / INTAKE_MAILS as u32,
    })
}

/// Mails from smtp-source over SMTP to smtp-sink, through Postern and through Postfix as shipped.
pub fn delivery(environment: &mut Environment) -> Result<Vec<Row>> {
    if !has_mail_servers() {
        return Ok(Vec::new());
    }
    let (mut runs, mut shipped) = (Vec::new(), Vec::new());
    for _ in 0..RUNS_BESIDE {
        shipped.push(through_postfix()?);
        runs.push(through_postern(environment)?);
    }
    let rates: Vec<f64> = runs.iter().map(|run| run.per_second).collect();
    let run = median(runs, |run| run.per_second).context("no run")?;
    let path =
        format!("{SESSIONS} sessions of smtp-source, {CONNECTIONS} connections to smtp-sink");
    let mut postern = Row {
        what: format!(
            "accepted over SMTP, delivered, recorded, {path}, {}",
            Database::Sqlite
        ),
        measured: format!("{}/s, {}", thousands(run.per_second), spread(&rates)),
        minimum: "8 times Postfix as shipped".to_owned(),
        goal: "15 times".to_owned(),
        beside: format!(
            "CPU time per mail: Postern {} µs",
            run.processor_time.as_micros()
        ),
    };
    let postfix = beside_postfix(&mut postern, run.per_second, "as shipped", &path, shipped);
    Ok([postern].into_iter().chain(postfix).collect())
}

/// From the first session to the last mail that the sink accepted and Postern recorded.
fn through_postern(environment: &mut Environment) -> Result<Throughput> {
    let sink = SmtpSink::start()?;
    let connections = CONNECTIONS.to_string();
    let (mut system, address) =
        start_listening(environment, &["--relay-connections", &connections])?;
    system.postern.deliver_to(&system.token, sink.address)?;
    let run = system.throughput(MAILS, |_, mails| smtp_tools::load(address, SESSIONS, mails))?;
    // Compares Postern's count with that of the sink.
    wait_for_arrival(|| sink.received(), WARM_UP + MAILS)?;
    system.postern.stop()?;
    Ok(run)
}

/// Mails per second that Postfix delivers.
fn through_postfix() -> Result<f64> {
    let sink = SmtpSink::start()?;
    let postfix = Postfix::shipped(sink.address, CONNECTIONS)?;
    rate(|| sink.received(), postfix.address, SESSIONS, POSTFIX_MAILS)
}

/// Starts a Postern that also accepts mail over SMTP, at the address that is returned with it.
fn start_listening(
    environment: &mut Environment,
    arguments: &[&str],
) -> Result<(SystemUnderTest, SocketAddr)> {
    let address = free_address()?;
    let listener = address.to_string();
    let mut all = vec!["--submission", listener.as_str()];
    all.extend_from_slice(arguments);
    let system = SystemUnderTest::start_with(environment, Database::Sqlite, &all)?;
    Ok((system, address))
}

/// Whether Postfix and its programs can run; where they cannot, a note says why.
fn has_mail_servers() -> bool {
    let is_root = apt::is_root();
    if !is_root {
        console::note("No mail over SMTP: smtp-source, smtp-sink and Postfix need root.");
    }
    is_root
}
