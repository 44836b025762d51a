//! Fairness benchmark: how long a mail waits behind the newsletter of another account.

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
        http::{Client, expect},
        postern::SENDER,
        until,
    },
};
use anyhow::{Result, bail};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

/// Mails of the newsletter.
const BULK: usize = 500_000;

/// Mails of each kind whose time is measured.
const SAMPLES: usize = 20;

/// The relay takes so long for each mail of a connection, as relays elsewhere do.
pub const TIME_PER_MAIL: Duration = Duration::from_millis(10);

/// The newsletter flows when so many of its mails have arrived.
const FLOWING: u64 = 2_000;

/// Limit for that.
const FLOW_TIMEOUT: Duration = Duration::from_secs(120);

pub fn rows(environment: &mut Environment) -> Result<Vec<Row>> {
    let mut system =
        SystemUnderTest::start_with(environment, Database::Sqlite, &["--no-delivery"])?;
    let newsletter = system.plan.account("newsletter@example.org", "user")?;
    fill(system.postern.address, &newsletter, BULK, |number| {
        let mut mail = mail(&format!("n{number}@example.net"));
        mail["priority"] = json!("bulk");
        mail
    })?;
    system.postern.stop()?;
    system.postern = system.plan.clone().delivering().start()?;
    let relay = ArrivalRelay::start(TIME_PER_MAIL)?;
    system
        .postern
        .deliver_to(&system.token, relay.relay.address)?;
    let flows = || relay.received() >= FLOWING;
    if !until(FLOW_TIMEOUT, Duration::from_millis(10), flows) {
        bail!("the newsletter is not delivered");
    }
    let (start, before) = (Instant::now(), relay.received());
    let (mut others, mut high) = (Vec::new(), Vec::new());
    let address = system.postern.address;
    for sample in 0..SAMPLES {
        let to = format!("{NOTED}-other-{sample}@example.net");
        others.push(time(address, &system.token, &relay, &to, mail(&to))?.arrived);
        let to = format!("{NOTED}-high-{sample}@example.net");
        let mut mail = mail(&to);
        mail["priority"] = json!("high");
        high.push(time(address, &newsletter, &relay, &to, mail)?.arrived);
    }
    let rate = (relay.received() - before) as f64 / start.elapsed().as_secs_f64();
    if relay.received() > BULK as u64 {
        bail!("the newsletter was delivered before the end");
    }
    system.postern.stop()?;
    let row = |what: &str, mut times: Vec<Duration>, minimum: &str| {
        times.sort_unstable();
        let milliseconds = |share| quantile(&times, share).as_secs_f64() * 1000.0;
        Row {
            what: format!(
                "behind {} bulk mails: {what}, until the relay has it",
                thousands(BULK as f64)
            ),
            measured: format!(
                "{:.0} ms, {:.0} ms at most",
                milliseconds(0.5),
                milliseconds(1.0)
            ),
            minimum: minimum.to_owned(),
            goal: "200 ms".to_owned(),
            beside: format!(
                "{SAMPLES} mails; the relay takes {} ms a mail, {}/s on 20 connections",
                TIME_PER_MAIL.as_millis(),
                thousands(rate)
            ),
        }
    };
    Ok(vec![
        row("a mail of another account", others, "2 s"),
        row("a mail of high priority of the same account", high, "1 s"),
    ])
}

fn mail(to: &str) -> Value {
    json!({ "from": SENDER, "to": to, "subject": "News", "text": "Short." })
}

/// The times of a mail, since its submission.
pub struct MailTimes {
    /// Until the answer 202.
    pub accepted: Duration,
    /// Until the relay has it.
    pub arrived: Duration,
}

/// Submits a mail and measures it.
pub fn time(
    address: SocketAddr,
    token: &str,
    relay: &ArrivalRelay,
    to: &str,
    mail: Value,
) -> Result<MailTimes> {
    let mut client = Client::with_token(address, token)?;
    let start = Instant::now();
    let answer = client.post("/api/messages/send-email", "", &mail)?;
    let accepted = start.elapsed();
    expect(answer, 202, "a mail behind others")?;
    Ok(MailTimes {
        accepted,
        arrived: relay.wait_for(to)?.saturating_duration_since(start),
    })
}
