//! Row benchmark: pages, counts, claims and searches with millions of rows, and their disk space.

use super::fairness::{TIME_PER_MAIL, time};
use crate::{
    bench::{
        system::{
            SystemUnderTest,
            arrivals::{ArrivalRelay, NOTED},
            fill::fill,
        },
        table::{Row, quantile, thousands},
    },
    rig::{
        environment::{Database, Environment},
        http::{Client, HttpResponse, expect},
        metrics::{MetricHistogram, Metrics},
        postern::{SENDER, sign_in},
        until,
    },
};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, Instant},
};

const ROWS: usize = 2_000_000;

/// The octets on disk are measured with half of the rows.
const STORED: usize = ROWS / 2;

/// Octets of a mail, and of the header that Postern adds.
const MAIL_BYTES: usize = 1600;
const HEADER_BYTES: usize = 250;

const SAMPLES: usize = 20;

/// Claims that are measured, at least, and the limit for them.
const CLAIMS: u64 = 50;
const CLAIMS_TIMEOUT: Duration = Duration::from_secs(120);

/// The histogram of the times of claims.
const CLAIM_TIMES: &str = "postern_claim_seconds";

/// One mail has this subject.
const RARE: &str = "Aardvark";

pub fn rows(environment: &mut Environment) -> Result<Vec<Row>> {
    let mut system =
        SystemUnderTest::start_with(environment, Database::Sqlite, &["--no-delivery"])?;
    let address = system.postern.address;
    let start = Instant::now();
    fill(address, &system.token, STORED, mail)?;
    let filling = STORED as f64 / start.elapsed().as_secs_f64();
    let size = message_size(&mut Client::with_token(address, &system.token)?)?;
    // The write-ahead log is emptied when the last connection is closed.
    system.postern.stop()?;
    let disk = disk_space(&system.plan.data)?;
    system.postern = system.plan.start()?;
    fill(address, &system.token, ROWS - STORED, |number| {
        mail(STORED + number)
    })?;

    let mut browser = Client::connect(address, &sign_in(address)?)?;
    let page = samples(|| expect(browser.get("/outbox")?, 200, "the Outbox page"))?;
    let mut client = Client::with_token(address, &system.token)?;
    let counts = samples(|| expect(client.get("/api/outbox")?, 200, "the counts"))?;
    let start = Instant::now();
    let found = client.get(&format!("/api/messages?subject={RARE}"))?;
    let search = start.elapsed();
    let count = match found.status {
        200 => format!(
            "{} found",
            found.json()?["data"].as_array().map_or(0, Vec::len)
        ),
        status => format!("{status}: {}", found.text()),
    };
    let other = system.plan.account("other@example.org", "user")?;
    system.postern.stop()?;
    system.postern = system.plan.clone().delivering().start()?;
    let delivery = deliver(&system, &other)?;
    system.postern.stop()?;

    let of = thousands(ROWS as f64);
    let row = |what: &str, measured: String, [minimum, goal]: [&str; 2], beside: String| Row {
        what: format!("{of} rows: {what}"),
        measured,
        minimum: minimum.to_owned(),
        goal: goal.to_owned(),
        beside,
    };
    let Delivery {
        accepted,
        arrived,
        claims,
    } = delivery;
    let per_mail = TIME_PER_MAIL.as_millis();
    Ok(vec![
        row(
            "the Outbox page",
            times(&page),
            ["20 ms", "5 ms"],
            format!("{SAMPLES} times"),
        ),
        row(
            "counts (GET /api/outbox)",
            times(&counts),
            ["5 ms", "1 ms"],
            format!("{SAMPLES} times"),
        ),
        row(
            "a claim of due mail, from the request to the commit of its leases",
            format!(
                "{:.1} ms on average, {:.0} ms at most",
                claims.mean() * 1000.0,
                claims.within(1.0) * 1000.0
            ),
            ["5 ms", "1 ms"],
            format!(
                "`{CLAIM_TIMES}` in /metrics: {} claims, half of them within {:.0} ms; the relay takes {per_mail} ms \
                 a mail",
                claims.number(),
                claims.within(0.5) * 1000.0
            ),
        ),
        row(
            "a mail of another account, from its POST until the relay has it",
            times(&arrived),
            ["", ""],
            format!(
                "{SAMPLES} mails, while the rest is delivered; of that until the answer 202: {}",
                times(&accepted)
            ),
        ),
        row(
            "a search for a rare subject",
            format!("{:.1} s", search.as_secs_f64()),
            ["bounded, says so", ""],
            count,
        ),
        Row {
            what: format!(
                "disk space of {} mails of {size} octets, queued",
                thousands(STORED as f64)
            ),
            measured: format!("{:.2} GB", disk as f64 / 1e9),
            minimum: "3 GB".to_owned(),
            goal: "2.2 GB".to_owned(),
            beside: format!(
                "submitted over HTTP in arrays of 500, {}/s; {:.0} octets a mail",
                thousands(filling),
                disk as f64 / STORED as f64
            ),
        },
    ])
}

fn mail(number: usize) -> Value {
    let line = "The quick brown fox jumps over the lazy dog, and then over the next one.\n";
    let subject = match number {
        0 => RARE.to_owned(),
        _ => format!("Number {number}"),
    };
    json!({
        "from": SENDER,
        "to": format!("n{number}@example.net"),
        "subject": subject,
        "text": line.repeat((MAIL_BYTES - HEADER_BYTES) / (line.len() + 1)),
    })
}

/// Octets of a message.
fn message_size(client: &mut Client) -> Result<u64> {
    let found = expect(client.get("/api/messages")?, 200, "the messages")?.json()?;
    let id = found["data"][0]["id"].as_str().context("no message")?;
    let path = format!("/api/messages/{id}");
    let message = expect(client.get(&path)?, 200, "a message")?.json()?;
    message["data"]["size"].as_u64().context("no size")
}

/// Octets of the files in a folder as allocated on disk.
fn disk_space(folder: &Path) -> Result<u64> {
    let mut octets = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        octets += match entry.file_type()?.is_dir() {
            true => disk_space(&entry.path())?,
            // stat(2) counts blocks of 512 octets.
            false => entry.metadata()?.blocks() * 512,
        };
    }
    Ok(octets)
}

/// What is measured while all rows are due.
struct Delivery {
    /// Times of mails of another account until the answer 202, ascending.
    accepted: Vec<Duration>,
    /// The same until the relay has them.
    arrived: Vec<Duration>,
    claims: MetricHistogram,
}

/// Measures mails of another account, and claims, while all rows are due.
fn deliver(system: &SystemUnderTest, account: &str) -> Result<Delivery> {
    let relay = ArrivalRelay::start(TIME_PER_MAIL)?;
    let address = system.postern.address;
    let mut client = Client::with_token(address, &system.token)?;
    let mut claims = || anyhow::Ok(Metrics::read(&mut client)?.histogram(CLAIM_TIMES));
    let before = claims()?;
    system
        .postern
        .deliver_to(&system.token, relay.relay.address)?;
    let (mut accepted, mut arrived) = (Vec::new(), Vec::new());
    for sample in 0..SAMPLES {
        let to = format!("{NOTED}{sample}@example.net");
        let mut mail = mail(sample);
        mail["to"] = json!(to);
        let times = time(address, account, &relay, &to, mail)?;
        accepted.push(times.accepted);
        arrived.push(times.arrived);
    }
    accepted.sort_unstable();
    arrived.sort_unstable();
    let mut measured = claims()?.since(&before);
    let is_enough = until(CLAIMS_TIMEOUT, Duration::from_millis(100), || {
        if let Ok(now) = claims() {
            measured = now.since(&before);
        }
        measured.number() >= CLAIMS
    });
    if !is_enough {
        bail!("{} claims in {CLAIMS_TIMEOUT:?}", measured.number());
    }
    Ok(Delivery {
        accepted,
        arrived,
        claims: measured,
    })
}

/// The times of requests, ascending.
fn samples(mut request: impl FnMut() -> Result<HttpResponse>) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    for _ in 0..SAMPLES {
        let start = Instant::now();
        request()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}

fn times(ascending: &[Duration]) -> String {
    let milliseconds = |share| quantile(ascending, share).as_secs_f64() * 1000.0;
    format!(
        "{:.1} ms, {:.1} ms at most",
        milliseconds(0.5),
        milliseconds(1.0)
    )
}
