//! Attack benchmarks: the latency of intake and of a page while others ask for too much.

use crate::{
    bench::{
        system::{
            SystemUnderTest,
            fill::fill,
            load::{LoadResult, joined},
        },
        table::{Row, quantile, thousands},
    },
    rig::{
        environment::{Database, Environment},
        http::{Client, expect},
        metrics::Metrics,
        postern::{SENDER, sign_in},
    },
};
use anyhow::{Context, Result};
use serde_json::json;
use std::{
    io::Write,
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Clients of the intake that is measured, and the mails of one measurement.
const CLIENTS: usize = 8;
const MAILS: u64 = 20_000;

/// Mails in the outbox for searches and actions.
const STORED: usize = 1_000_000;

/// The histogram of the times of transactions.
const WRITES: &str = "postern_write_seconds";

/// Between two octets of a client that drips.
const DRIP: Duration = Duration::from_secs(1);

/// What an attacker has.
struct Target<'t> {
    address: SocketAddr,
    /// An API token of an administrator.
    admin: &'t str,
    /// An API token of another account, which may send.
    sender: &'t str,
    stop: &'t AtomicBool,
}

impl Target<'_> {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }
}

struct Attack {
    what: &'static str,
    /// How many threads run it at the same time.
    threads: usize,
    run: fn(&Target, usize) -> Result<()>,
}

const ON_A_SMALL_OUTBOX: [Attack; 4] = [
    Attack {
        what: "nothing else happens",
        threads: 0,
        run: |_, _| Ok(()),
    },
    Attack {
        what: "logins loop from 200 addresses",
        threads: 8,
        run: logins,
    },
    Attack {
        what: "2,000 idle and 200 dripping connections stand",
        threads: 1,
        run: connections,
    },
    Attack {
        what: "four uploads of 40 MB drip",
        threads: 1,
        run: uploads,
    },
];

const ON_A_LARGE_OUTBOX: [Attack; 2] = [
    Attack {
        what: "eight clients search 1,000,000 mails without an index",
        threads: 8,
        run: searches,
    },
    Attack {
        what: "an action changes 1,000,000 mails",
        threads: 1,
        run: actions,
    },
];

pub fn rows(environment: &mut Environment) -> Result<Vec<Row>> {
    let system = SystemUnderTest::start_with(
        environment,
        Database::Sqlite,
        &["--no-delivery", "--trusted-proxies", "127.0.0.1"],
    )?;
    let sender = system.plan.account("sender@example.org", "user")?;
    let cookie = sign_in(system.postern.address)?;
    system.warm_up()?;
    let mut rows = Vec::new();
    for attack in &ON_A_SMALL_OUTBOX {
        rows.push(row(&system, attack, &sender, &cookie)?);
    }
    fill(system.postern.address, &system.token, STORED, |number| {
        json!({
            "from": SENDER,
            "to": format!("n{number}@example.net"),
            "subject": "Stored",
            "text": "Short.",
        })
    })?;
    for attack in &ON_A_LARGE_OUTBOX {
        rows.push(row(&system, attack, &sender, &cookie)?);
    }
    rows.push(writer_row(&system)?);
    system.postern.stop()?;
    Ok(rows)
}

/// Measures intake and the Outbox page during an attack. Any answer but 202 and 200 is an error.
fn row(system: &SystemUnderTest, attack: &Attack, sender: &str, cookie: &str) -> Result<Row> {
    let stop = AtomicBool::new(false);
    let target = Target {
        address: system.postern.address,
        admin: &system.token,
        sender,
        stop: &stop,
    };
    let (taken, mut pages): (LoadResult, Vec<Duration>) = thread::scope(|scope| {
        let threads: Vec<_> = (0..attack.threads)
            .map(|number| {
                let target = &target;
                scope.spawn(move || (attack.run)(target, number))
            })
            .collect();
        let pages = scope.spawn(|| pages(&target, cookie));
        let taken = system.load(CLIENTS, MAILS);
        stop.store(true, Ordering::Relaxed);
        for thread in threads {
            joined(thread.join()).with_context(|| attack.what)?;
        }
        Ok::<_, anyhow::Error>((taken?, joined(pages.join())?))
    })?;
    pages.sort_unstable();
    let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
    Ok(Row {
        what: attack.what.to_owned(),
        measured: format!(
            "intake p99 {:.1} ms, Outbox page p99 {:.1} ms",
            milliseconds(taken.quantile(0.99)),
            milliseconds(quantile(&pages, 0.99)),
        ),
        minimum: "intake p99 under 100 ms".to_owned(),
        goal: String::new(),
        beside: format!(
            "{:.0} mails/s, p50 {:.1} ms; {} pages, p50 {:.1} ms",
            taken.per_second(),
            milliseconds(taken.quantile(0.5)),
            pages.len(),
            milliseconds(quantile(&pages, 0.5)),
        ),
    })
}

/// Requests the Outbox page again and again, and returns the times.
fn pages(target: &Target, cookie: &str) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    let mut client = Client::connect(target.address, cookie)?;
    while target.goes_on() {
        let begun = Instant::now();
        expect(client.get("/outbox")?, 200, "the Outbox page")?;
        times.push(begun.elapsed());
    }
    Ok(times)
}

fn logins(target: &Target, number: usize) -> Result<()> {
    let mut client = Client::connect(target.address, "")?;
    let form = b"email=admin%40example.org&password=wrong+password+again";
    let mut round = number;
    while target.goes_on() {
        round += 1;
        let headers = format!(
            "Content-Type: application/x-www-form-urlencoded\r\n\
             Sec-Fetch-Site: same-origin\r\nX-Forwarded-For: 198.18.{}.1\r\n",
            round % 200
        );
        client.ask("POST", "/login", &headers, form)?;
    }
    Ok(())
}

fn connections(target: &Target, _: usize) -> Result<()> {
    let head = format!(
        "POST /login HTTP/1.1\r\nHost: {}\r\nContent-Length: 60000\r\n\r\n",
        target.address
    );
    let idle: Vec<_> = (0..2_000)
        .map(|_| TcpStream::connect(target.address))
        .collect::<Result<_, _>>()?;
    drip(target, &vec![head; 200])?;
    drop(idle);
    Ok(())
}

fn uploads(target: &Target, _: usize) -> Result<()> {
    let head = format!(
        "POST /api/messages/send-email HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 41943040\r\n\r\n",
        target.address, target.sender
    );
    drip(target, &vec![head; 4])
}

/// Sends an octet of each request now and then, and a new request where one was given up.
fn drip(target: &Target, requests: &[String]) -> Result<()> {
    let begin = |head: &String| {
        let mut stream = TcpStream::connect(target.address)?;
        stream.write_all(head.as_bytes())?;
        Ok::<_, std::io::Error>(stream)
    };
    let mut streams: Vec<_> = requests.iter().map(begin).collect::<Result<_, _>>()?;
    while target.goes_on() {
        for (stream, head) in streams.iter_mut().zip(requests) {
            if stream.write_all(b" ").is_err() {
                *stream = begin(head)?;
            }
        }
        thread::sleep(DRIP);
    }
    Ok(())
}

fn searches(target: &Target, number: usize) -> Result<()> {
    let mut client = Client::with_token(target.address, target.admin)?;
    while target.goes_on() {
        client.get(&format!("/api/messages?subject=nowhere{number}"))?;
    }
    Ok(())
}

fn actions(target: &Target, _: usize) -> Result<()> {
    let mut client = Client::with_token(target.address, target.admin)?;
    for act in ["hold", "release"].iter().cycle() {
        if !target.goes_on() {
            break;
        }
        act_on_all(&mut client, act)?;
    }
    Ok(())
}

/// Carries out an action on all mails that it applies to.
fn act_on_all(client: &mut Client, act: &str) -> Result<()> {
    let all = json!({ "act": act, "matching": {} });
    let counted = client.post("/api/messages/act", "", &all)?;
    let counted = expect(counted, 200, "counting")?.json()?;
    let mut confirmed = all;
    for name in ["number", "up_to"] {
        confirmed[name] = counted["data"][name].clone();
    }
    let acted = client.post("/api/messages/act", "", &confirmed)?;
    expect(acted, 200, "the action").map(drop)
}

/// Measures how long the transactions of actions on all mails hold the writer while nothing else is submitted.
/// The actions before may have left the mails held: then the first one changes them, otherwise it changes none.
fn writer_row(system: &SystemUnderTest) -> Result<Row> {
    let mut client = Client::with_token(system.postern.address, &system.token)?;
    let before = Metrics::read(&mut client)?.histogram(WRITES);
    for act in ["release", "hold", "release", "cancel"] {
        act_on_all(&mut client, act)?;
    }
    let writes = Metrics::read(&mut client)?.histogram(WRITES).since(&before);
    let milliseconds = |seconds: f64| seconds * 1000.0;
    Ok(Row {
        what: "the longest transaction of actions on 1,000,000 mails (hold, release, cancel), which holds \
               SQLite's writer"
            .to_owned(),
        measured: format!(
            "{:.0} ms at most, {:.1} ms on average",
            milliseconds(writes.within(1.0)),
            milliseconds(writes.mean())
        ),
        minimum: String::new(),
        goal: "50 ms".to_owned(),
        beside: format!(
            "`{WRITES}` in /metrics: {} transactions, 99 % of them within {:.0} ms; nothing else is submitted",
            thousands(writes.number() as f64),
            milliseconds(writes.within(0.99))
        ),
    })
}
