//! The row on memory: much mail that does not get away, and a person who looks at it.

use super::{stage::Stage, table::Row};
use crate::rig::{
    ground::{Engine, Ground},
    http::{Client, expect},
    postern::{ADMINISTRATOR, PASSWORD},
    process,
};
use anyhow::{Context, Result};
use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    thread::{self, sleep},
    time::Duration,
};

const MAILS: u64 = 100_000;

/// How often the page is fetched, a second apart.
const LOOKS: u32 = 30;

pub fn row(ground: &mut Ground) -> Result<Vec<Row>> {
    let mut stage = Stage::set(ground, Engine::Sqlite, None)?;
    stage.load(64, MAILS)?;
    let filled = process::memory(stage.postern.id())?;
    stage.postern.stop()?;

    let mut postern = stage.plan.delivering().start()?;
    postern.deliver_to(&stage.token, silent()?)?;
    let mut page = signed_in(postern.address)?;
    for _ in 0..LOOKS {
        expect(page.get("/outbox")?, 200, "the Outbox page")?;
        sleep(Duration::from_secs(1));
    }
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
            "{:.0} MB at most while they were taken in",
            megabytes(filled.peak)
        ),
    }])
}

/// A relay that takes connections and says nothing.
fn silent() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        let open: Vec<_> = listener.incoming().collect();
        drop(open);
    });
    Ok(address)
}

/// As the administrator's browser.
fn signed_in(host: SocketAddr) -> Result<Client> {
    let form = format!(
        "email={}&password={}",
        ADMINISTRATOR.replace('@', "%40"),
        PASSWORD.replace(' ', "+")
    );
    let headers =
        "Content-Type: application/x-www-form-urlencoded\r\nSec-Fetch-Site: same-origin\r\n";
    let answer = Client::connect(host, "")?.ask("POST", "/login", headers, form.as_bytes())?;
    let answer = expect(answer, 303, "signing in")?;
    let cookie = answer.header("set-cookie").context("no cookie")?;
    let pair = cookie.split(';').next().unwrap_or_default();
    Ok(Client::connect(host, &format!("Cookie: {pair}\r\n"))?)
}
