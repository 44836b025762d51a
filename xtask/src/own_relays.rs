//! Many accounts with a relay each: the cap of connections holds, and no account starves.

use crate::{
    console,
    rig::{
        accepting_relay,
        environment::{Database, Environment},
        http::{Client, expect},
        postern::{Plan, Postern, SENDER},
        postgres::Durability,
        process,
    },
};
use anyhow::{Context, Result, bail};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::sleep,
    time::{Duration, Instant},
};
use testkit::{Relay, Transaction};

/// Mails of each account.
const MAILS: usize = 10;

/// The maximum number of connections to the own relays of all accounts together.
const CAP: usize = 200;

/// Connections that Postern has closed and the relays have not read the end of yet.
const CLOSING: usize = 50;

/// What an own relay without mail may cost in memory, in octets.
const IDLE_MEMORY: u64 = 20 * 1024;

/// The relays take so long for each mail of a connection, as relays elsewhere do.
const TIME_PER_MAIL: Duration = Duration::from_millis(5);

/// Limit for the delivery of all mails, and for connections to become idle and close.
const TIMEOUT: Duration = Duration::from_secs(600);

/// The most accounts: each relay has an address of its own.
const MOST: usize = 60_000;

/// The address of the relay of an account.
fn host(account: usize) -> Result<Ipv4Addr> {
    let part = |number: usize| u8::try_from(number).context("too many accounts");
    Ok(Ipv4Addr::new(
        127,
        64,
        part(account / 250)?,
        part(account % 250 + 1)?,
    ))
}

/// Runs it on each of the databases.
pub fn own_relays(program: PathBuf, accounts: usize, engines: &[Database]) -> Result<()> {
    if accounts > MOST {
        bail!("--accounts: {MOST} at most");
    }
    let mut environment = Environment::new(program, "own-relays", Durability::Unsynced)?;
    let mut faults = Vec::new();
    for engine in engines {
        let step = console::step(&format!("{accounts} accounts with a relay each, {engine}"));
        let found = run(&mut environment, *engine, accounts)?;
        step.done(&found.summary);
        let of_engine = |fault: String| format!("{engine}: {fault}");
        faults.extend(found.faults.into_iter().map(of_engine));
    }
    for fault in &faults {
        console::failure(fault);
    }
    if !faults.is_empty() {
        bail!("{} faults with own relays", faults.len());
    }
    Ok(())
}

/// What a run found.
struct Findings {
    summary: String,
    faults: Vec<String>,
}

fn run(environment: &mut Environment, engine: Database, accounts: usize) -> Result<Findings> {
    let plan =
        environment
            .plan(engine)?
            .argument(&["--user-relay-allow", "127.0.0.0/8", "--no-delivery"]);
    let token = plan.token()?;
    let (organisation, own) = (OrganisationRelay::start()?, OwnRelays::start()?);
    let postern = plan.start()?;
    postern.deliver_to(&token, organisation.relay.address)?;
    postern.stop()?;
    let without = idle_memory(&plan, &token, &organisation)?;

    let postern = plan.start()?;
    let tokens = create(&postern, &token, accounts, own.relay.address.port())?;
    postern.stop()?;
    let with = idle_memory(&plan, &token, &organisation)?;
    let mut faults = Vec::new();
    let growth = with.saturating_sub(without);
    if growth > IDLE_MEMORY * accounts as u64 {
        faults.push(format!("{growth} octets for relays without mail"));
    }
    let connections = own.relay.record().connections;
    if connections > 0 {
        faults.push(format!("{connections} connections to relays without mail"));
    }

    let postern = plan.start()?;
    submit(&postern, &tokens)?;
    postern.stop()?;
    let begun = Instant::now();
    let postern = plan.clone().delivering().start()?;
    let all = accounts * MAILS;
    postern.wait("all mail of the accounts", TIMEOUT, || {
        own.arrivals.lock().len() >= all
    })?;
    let summary = own.evaluate(begun, accounts, &mut faults)?;
    postern.wait("idle connections to be closed", TIMEOUT, || {
        own.relay.open_connections() == 0
    })?;
    postern.stop()?;
    Ok(Findings { summary, faults })
}

/// The memory of a Postern that has delivered one mail of the organisation, in octets.
fn idle_memory(plan: &Plan, token: &str, organisation: &OrganisationRelay) -> Result<u64> {
    let mut postern = plan.clone().delivering().start()?;
    let before = organisation.received.load(Ordering::Acquire);
    let mail = json!({ "from": SENDER, "to": "desk@example.net", "text": "Short." });
    let mut client = Client::with_token(postern.address, token)?;
    let answer = client.post("/api/messages/send-email", "", &mail)?;
    expect(answer, 202, "a mail of the organisation")?;
    postern.wait("a mail of the organisation", TIMEOUT, || {
        organisation.received.load(Ordering::Acquire) > before
    })?;
    let memory = process::memory(postern.id())?.now;
    postern.stop()?;
    Ok(memory)
}

/// Creates the accounts with their relays. Returns a token of each.
fn create(postern: &Postern, token: &str, accounts: usize, port: u16) -> Result<Vec<String>> {
    let mut admin = Client::with_token(postern.address, token)?;
    let mut tokens = Vec::new();
    for account in 0..accounts {
        let email = format!("user{account}@example.org");
        let new = json!({ "email": email, "role": "user" });
        expect(admin.post("/api/accounts", "", &new)?, 200, "an account")?;
        let new = json!({
            "account": email, "name": "soak", "scopes": ["send", "read", "admin"],
        });
        let created = expect(admin.post("/api/tokens", "", &new)?, 200, "a token")?.json()?;
        let secret = created["data"]["token"].as_str().context("no token")?;
        let mut client = Client::with_token(postern.address, secret)?;
        let relay = json!({ "host": host(account)?.to_string(), "port": port });
        let saved = client.post("/api/smtp/settings", "", &relay)?;
        expect(saved, 200, "an own relay")?;
        tokens.push(secret.to_owned());
    }
    Ok(tokens)
}

/// Submits the mails of each account.
fn submit(postern: &Postern, tokens: &[String]) -> Result<()> {
    for (account, token) in tokens.iter().enumerate() {
        let mail = |number| {
            json!({
                "to": format!("m{number}.{account}@example.net"), "subject": "Own",
                "text": "Short.",
            })
        };
        let mails = Value::Array((0..MAILS).map(mail).collect());
        let mut client = Client::with_token(postern.address, token)?;
        let answer = client.post("/api/messages/send-email", "", &mails)?;
        let queue = expect(answer, 202, "mails of an account")?.json()?["queue"].clone();
        if queue != "own_relay" {
            bail!("the mails of account {account} wait in the queue {queue}");
        }
    }
    Ok(())
}

struct OrganisationRelay {
    relay: Relay,
    received: Arc<AtomicUsize>,
}

impl OrganisationRelay {
    fn start() -> Result<Self> {
        let received: Arc<AtomicUsize> = Arc::default();
        let count = Arc::clone(&received);
        let relay = Relay::with_callback(accepting_relay(), move |_| {
            count.fetch_add(1, Ordering::AcqRel);
        })?;
        Ok(Self { relay, received })
    }
}

/// A mail at an own relay.
struct Arrival {
    /// The account that the recipient names.
    account: usize,
    /// The address of the relay.
    relay: IpAddr,
    at: Instant,
}

impl Arrival {
    fn of(mail: &Transaction<'_>) -> Self {
        let account = mail.recipients.first().and_then(|to| {
            let (local, _) = to.split_once('@')?;
            local.split_once('.')?.1.parse().ok()
        });
        Self {
            account: account.unwrap_or(usize::MAX),
            relay: mail.relay,
            at: Instant::now(),
        }
    }
}

/// The relays of all accounts: one listener, and an address for each.
struct OwnRelays {
    relay: Relay,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
}

impl OwnRelays {
    fn start() -> Result<Self> {
        let arrivals: Arc<Mutex<Vec<Arrival>>> = Arc::default();
        let list = Arc::clone(&arrivals);
        let relay = Relay::at_all_addresses(accepting_relay(), move |mail| {
            let arrival = Arrival::of(mail);
            list.lock().push(arrival);
            sleep(TIME_PER_MAIL);
        })?;
        Ok(Self { relay, arrivals })
    }

    /// Adds the faults of a run, and returns its figures.
    fn evaluate(
        &self,
        begun: Instant,
        accounts: usize,
        faults: &mut Vec<String>,
    ) -> Result<String> {
        let mut last = vec![Duration::ZERO; accounts];
        let mut mails = vec![0; accounts];
        let mut astray = 0;
        for arrival in self.arrivals.lock().iter() {
            let Some(time) = last.get_mut(arrival.account) else {
                astray += 1;
                continue;
            };
            *time = (*time).max(arrival.at - begun);
            mails[arrival.account] += 1;
            if arrival.relay != IpAddr::V4(host(arrival.account)?) {
                astray += 1;
            }
        }
        if astray > 0 {
            faults.push(format!("{astray} mails at the relay of another account"));
        }
        let wrong = mails.iter().filter(|mails| **mails != MAILS).count();
        if wrong > 0 {
            faults.push(format!("{wrong} accounts without exactly {MAILS} mails"));
        }
        let most = self.relay.most_connections();
        if most > CAP + CLOSING {
            faults.push(format!("{most} connections at once, of {CAP}"));
        }
        let mean = last.iter().sum::<Duration>() / u32::try_from(accounts.max(1))?;
        let latest = last.iter().max().copied().unwrap_or_default();
        if latest > 3 * mean {
            faults.push(format!(
                "the last mail of an account after {latest:?}, of all in the mean after {mean:?}"
            ));
        }
        Ok(format!(
            "{most} connections at once; last mails after {:.1} s in the mean, {:.1} s at most",
            mean.as_secs_f64(),
            latest.as_secs_f64()
        ))
    }
}
