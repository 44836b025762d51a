//! Memory benchmark: a long queue, a relay that does not respond and an open Outbox page.

use super::{
    system::{SystemUnderTest, sign_in},
    table::Row,
};
use crate::rig::{
    environment::{Database, Environment},
    http::{Client, expect},
    process,
};
use anyhow::Result;
use std::time::Duration;
use testkit::{Action, Relay, RelayScript};

const MAILS: u64 = 100_000;

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
    postern.stop()?;

    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    Ok(vec![Row {
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
    }])
}
