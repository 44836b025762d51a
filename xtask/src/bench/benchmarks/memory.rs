//! Memory benchmark: long queues, a relay that does not respond, an open page, and large mails.

use crate::{
    bench::{
        system::{CountingRelay, SystemUnderTest, fill::fill, load::joined},
        table::{Row, thousands},
    },
    rig::{
        environment::{Database, Environment},
        http::{Client, expect},
        postern::{SENDER, sign_in},
        process,
    },
};
use anyhow::Result;
use serde_json::json;
use std::{net::SocketAddr, thread, time::Duration};
use testkit::{Action, Relay, RelayScript};

/// Clients that submit large mails, and the mails of each.
const LARGE_CLIENTS: usize = 3;
const LARGE_MAILS: usize = 4;

/// Octets of an attachment, which makes a mail of 23 MB, and of one that makes a mail of 25 MB.
const ATTACHMENT: usize = 17_000_000;
const IN_FLIGHT_ATTACHMENT: usize = 18_270_000;

/// Connections to the relay that takes the mails of 25 MB.
const IN_FLIGHT_CONNECTIONS: usize = 12;

/// How long the page is open.
const PAGE_OPEN: Duration = Duration::from_secs(30);

pub fn rows(environment: &mut Environment) -> Result<Vec<Row>> {
    let mut rows = queued(environment, 100_000, "150 MB", true)?;
    rows.extend(queued(environment, 1_000_000, "100 MB", false)?);
    rows.push(in_flight(environment)?);
    Ok(rows)
}

/// With so many mails queued; then large ones are submitted, if wanted.
fn queued(
    environment: &mut Environment,
    mails: usize,
    minimum: &str,
    then_large: bool,
) -> Result<Vec<Row>> {
    let mut system = SystemUnderTest::start(environment, Database::Sqlite, None)?;
    let text = "The quick brown fox jumps over the lazy dog, and then over the next one.\n";
    fill(system.postern.address, &system.token, mails, |number| {
        json!({
            "from": SENDER,
            "to": format!("n{number}@example.net"),
            "subject": format!("Number {number}"),
            "text": text.repeat(17),
        })
    })?;
    let filled = process::memory(system.postern.id())?;
    // Signs in before the measured process starts: checking a password takes 47 MB for a moment.
    // Sessions survive a restart.
    let cookie = sign_in(system.postern.address)?;
    system.postern.stop()?;

    let mut postern = system.plan.delivering().start()?;
    let silent = RelayScript::default().at("GREETING", Action::Silence);
    let silent = Relay::start(silent);
    postern.deliver_to(&system.token, silent.address)?;
    let mut page = Client::connect(postern.address, &cookie)?;
    expect(page.get("/outbox")?, 200, "the Outbox page")?;
    let headers = "Content-Type: application/json\r\nSec-Fetch-Site: same-origin\r\n";
    let asked = br#"{"watched":{"outbox":{"url":"/outbox"}}}"#;
    page.watch("/fn/watch", headers, asked, PAGE_OPEN)?;
    let waiting = process::memory(postern.id())?;
    let mut rows = vec![Row {
        what: format!(
            "memory, {} mails queued, the relay silent, the page open",
            thousands(mails as f64)
        ),
        measured: format!(
            "{:.0} MB at most, {:.0} MB in the end",
            megabytes(waiting.peak),
            megabytes(waiting.now)
        ),
        minimum: minimum.to_owned(),
        goal: "60 MB".to_owned(),
        beside: format!(
            "{:.0} MB at most while they were accepted",
            megabytes(filled.peak)
        ),
    }];
    if then_large {
        submit_large(postern.address, &system.token, ATTACHMENT)?;
        let after_large = process::memory(postern.id())?;
        rows.push(Row {
            what: "memory after 12 mails of 23 MB from 3 clients".to_owned(),
            measured: format!("{:.0} MB", megabytes(after_large.now)),
            minimum: "150 MB".to_owned(),
            goal: String::new(),
            beside: format!(
                "{:.0} MB at most while they were accepted",
                megabytes(after_large.peak)
            ),
        });
    }
    postern.stop()?;
    Ok(rows)
}

/// While mails of 25 MB are accepted and delivered at the same time.
fn in_flight(environment: &mut Environment) -> Result<Row> {
    let relay = CountingRelay::start()?;
    let address = (relay.relay.address, IN_FLIGHT_CONNECTIONS);
    let mut system = SystemUnderTest::start(environment, Database::Sqlite, Some(address))?;
    let before = process::memory(system.postern.id())?;
    submit_large(system.postern.address, &system.token, IN_FLIGHT_ATTACHMENT)?;
    system.wait_for_delivery((LARGE_CLIENTS * LARGE_MAILS) as u64)?;
    let after = process::memory(system.postern.id())?;
    system.postern.stop()?;
    Ok(Row {
        what: "memory, 12 mails of 25 MB from 3 clients accepted and delivered".to_owned(),
        measured: format!("{:.0} MB at most", megabytes(after.peak)),
        minimum: "400 MB".to_owned(),
        goal: "250 MB".to_owned(),
        beside: format!(
            "{:.0} MB before, {:.0} MB afterwards",
            megabytes(before.now),
            megabytes(after.now)
        ),
    })
}

fn megabytes(octets: u64) -> f64 {
    octets as f64 / 1e6
}

/// Submits large mails, and returns when all are accepted.
fn submit_large(address: SocketAddr, token: &str, attachment: usize) -> Result<()> {
    let mail = json!({
        "from": SENDER,
        "to": "desk@example.net",
        "subject": "Large",
        "text": "Short.",
        "attachments": [{
            "filename": "a.bin",
            "content": "eHh4".repeat(attachment / 3),
        }],
    });
    let client = || {
        let mut client = Client::with_token(address, token)?;
        for _ in 0..LARGE_MAILS {
            let answer = client.post("/api/messages/send-email", "", &mail)?;
            expect(answer, 202, "a large mail")?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..LARGE_CLIENTS).map(|_| scope.spawn(client)).collect();
        clients
            .into_iter()
            .try_for_each(|client| joined(client.join()))
    })
}
