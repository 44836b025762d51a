//! Memory benchmark: a long queue, a relay that does not respond and an open Outbox page.

use super::{
    load::joined,
    system::{SystemUnderTest, sign_in},
    table::Row,
};
use crate::rig::{
    environment::{Database, Environment},
    http::{Client, expect},
    postern::SENDER,
    process,
};
use anyhow::Result;
use serde_json::json;
use std::{net::SocketAddr, thread, time::Duration};
use testkit::{Action, Relay, RelayScript};

const MAILS: u64 = 100_000;

/// Clients that submit large mails, the mails of each, and the octets of an attachment.
const LARGE_CLIENTS: usize = 3;
const LARGE_MAILS: usize = 4;
const ATTACHMENT: usize = 17_000_000;

/// How long the page is open.
const PAGE_OPEN: Duration = Duration::from_secs(30);

pub fn row(environment: &mut Environment) -> Result<Vec<Row>> {
    let mut system = SystemUnderTest::start(environment, Database::Sqlite, None)?;
    system.load(64, MAILS)?;
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
    submit_large(postern.address, &system.token)?;
    let after_large = process::memory(postern.id())?;
    postern.stop()?;

    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let queued = Row {
        what: "memory, 100,000 mails queued, the relay silent, the page open".to_owned(),
        measured: format!(
            "{:.0} MB at most, {:.0} MB in the end",
            megabytes(waiting.peak),
            megabytes(waiting.now)
        ),
        minimum: "150 MB".to_owned(),
        goal: "60 MB".to_owned(),
        beside: format!(
            "{:.0} MB at most while they were accepted",
            megabytes(filled.peak)
        ),
    };
    let large = Row {
        what: "memory after 12 mails of 23 MB from 3 clients".to_owned(),
        measured: format!("{:.0} MB", megabytes(after_large.now)),
        minimum: "150 MB".to_owned(),
        goal: String::new(),
        beside: format!(
            "{:.0} MB at most while they were accepted",
            megabytes(after_large.peak)
        ),
    };
    Ok(vec![queued, large])
}

/// Submits large mails, and returns when all are accepted.
fn submit_large(address: SocketAddr, token: &str) -> Result<()> {
    let mail = json!({
        "from": SENDER,
        "to": "desk@example.net",
        "subject": "Large",
        "text": "Short.",
        "attachments": [{
            "filename": "a.bin",
            "content": "eHh4".repeat(ATTACHMENT / 3),
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
