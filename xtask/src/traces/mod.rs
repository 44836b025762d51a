//! A Postern with the feature `otel`: a mail over SMTP is one trace at a collector.

mod collector;
mod otlp;

use crate::{
    console,
    rig::{
        accepting_relay,
        environment::{Database, Environment},
        postern::SENDER,
        postgres::Durability,
        smtp::{SmtpClient, SmtpMail, SmtpTransfer},
        until,
    },
};
use anyhow::{Context, Result, bail};
use collector::Collector;
use std::{net::SocketAddr, path::PathBuf, time::Duration};
use testkit::Relay;

/// The spans of a mail that the relay accepts at the first attempt, in alphabetical order.
const NAMES: [&str; 3] = ["accept", "deliver", "queue"];

/// Limit for the spans. They are exported every 5 seconds.
const SPANS_TIMEOUT: Duration = Duration::from_secs(60);

const PAUSE: Duration = Duration::from_millis(100);

/// Submits a mail over SMTP to a program that is built with the feature `otel`, and verifies the spans that the
/// program exports of it.
pub fn run(program: PathBuf) -> Result<()> {
    let step = console::step("Export the trace of a mail over SMTP");
    let collector = Collector::start()?;
    let relay = Relay::start(accepting_relay());
    let mut environment = Environment::new(program, "traces", Durability::Unsynced)?;
    let plan = environment
        .plan(Database::Sqlite)?
        .accepting_smtp()?
        .variable(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            &format!("http://{}", collector.address),
        );
    let token = plan.token()?;
    let postern = plan.start()?;
    postern.deliver_to(&token, relay.address)?;
    let id = submit(plan.submission.context("the node accepts no SMTP")?)?;
    let is_complete = || collector.spans().len() >= NAMES.len() || !collector.faults().is_empty();
    until(SPANS_TIMEOUT, PAUSE, is_complete);
    let panics = postern.panics()?;
    // What is left is exported at the end.
    postern.stop()?;
    if let Some(panic) = panics.first() {
        bail!("{panic}");
    }
    verify(&collector, &id)?;
    let mails = relay.accepted().len();
    if mails != 1 {
        bail!("{mails} mails arrived");
    }
    step.done(&format!("{} spans of {id}", NAMES.len()));
    Ok(())
}

/// Submits a mail and returns its id.
fn submit(server: SocketAddr) -> Result<String> {
    let to = ["desk@example.net".to_owned()];
    let content = format!(
        "From: {SENDER}\r\nTo: {}\r\nSubject: Traced\r\n\r\nHello\r\n",
        to[0]
    );
    let mail = SmtpMail {
        from: SENDER,
        to: &to,
        content: content.as_bytes(),
    };
    let reply = SmtpClient::connect(server)?.submit(&mail, SmtpTransfer::Data)?;
    let id = reply.text.strip_prefix("2.0.0 Queued as ");
    match id.filter(|_| reply.code == 250) {
        Some(id) => Ok(id.to_owned()),
        None => bail!("the mail was answered {} {}", reply.code, reply.text),
    }
}

/// Verifies that the spans are those of one mail, in one trace with the bits of its id.
fn verify(collector: &Collector, id: &str) -> Result<()> {
    let faults = collector.faults();
    if !faults.is_empty() {
        bail!("the collector received {faults:?}");
    }
    let spans = collector.spans();
    let mut names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    names.sort_unstable();
    let trace = trace_of(id).with_context(|| format!("{id} is no id of a mail"))?;
    if names != NAMES || spans.iter().any(|span| span.trace != trace) {
        bail!("the spans of {id}, in the trace {trace:032x}, are {spans:032x?}");
    }
    Ok(())
}

/// The trace of a mail: the 128 bits of its id, which is a ULID.
fn trace_of(id: &str) -> Option<u128> {
    const DIGITS: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    id.chars().try_fold(0, |bits: u128, digit| {
        let value = DIGITS.find(digit)? as u128;
        Some((bits << 5) | value)
    })
}

#[test]
fn the_trace_of_a_mail_is_its_id() {
    let expected = 0x0155_FDF3_6481_0000_0000_0000_0000_0020;
    assert_eq!(trace_of("01AQYZ6S410000000000000010"), Some(expected));
    assert_eq!(trace_of("01AQYZ6S4100000000000000U0"), None);
}
