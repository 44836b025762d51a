//! A Postern that is backed up under load, restored and moved to PostgreSQL, killed now and then.

use crate::{
    console::{self, command_line},
    crash,
    guard::ManagedProcess,
    rig::{
        accepting_relay,
        environment::{Database, Environment},
        http::{Client, expect},
        postern::{Plan, Postern, SENDER},
        postgres::Durability,
        random::Random,
    },
};
use anyhow::{Context, Result, bail};
use serde_json::json;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, sleep},
    time::Duration,
};
use testkit::Relay;

/// The mails that are queued before the backup begins. All of them are in it.
const BEFORE: usize = 200;

/// The octets of the text of a mail: the backup is of several MiB.
const TEXT: usize = 20_000;

/// How often a command is killed before it runs to its end.
const KILLS: usize = 6;

/// The delay of a kill, in milliseconds.
const DELAY_MS: (u64, u64) = (1, 120);

/// The files of a backup.
struct Backup {
    file: PathBuf,
    keys: PathBuf,
}

/// Backs up under load, restores, and moves to PostgreSQL. Every mail of the backup arrives exactly once, and
/// none before delivery is resumed.
pub fn run(program: PathBuf, seed: u64) -> Result<()> {
    console::note(&format!("seed {seed}"));
    let mut random = Random::new(seed);
    let step = console::step("Back up, restore and move to PostgreSQL, with kills");
    let mut environment = Environment::new(program, "moving", Durability::Unsynced)?;
    let plan = environment.plan(Database::Sqlite)?;
    let plan = plan.argument(&["--no-delivery"]);
    let relay = Relay::start(accepting_relay());
    let token = plan.token()?;
    let backup = back_up_under_load(&plan, &token, &relay, environment.folder(), &mut random)?;
    restore(&plan, &backup, &mut random)?;
    let database = environment.postgres()?.database("moved")?;
    move_to(&plan, &database, &mut random)?;

    let plan = plan.on(database).delivering();
    let postern = plan.start()?;
    let mut client = Client::with_token(plan.address, &token)?;
    expect_pause(&mut client)?;
    if !relay.accepted().is_empty() {
        bail!("mail was sent before delivery was resumed");
    }
    let resumed = client.post("/api/outbox/pause", "", &json!({ "on": false }))?;
    expect(resumed, 200, "resuming delivery")?;
    crash::run::drain(&postern)?;
    let mails = compare(&relay)?;
    stop(postern)?;
    step.done(&format!("{mails} mails arrived once"));
    Ok(())
}

/// Queues mail, and backs up while more is submitted, also by commands that are killed.
fn back_up_under_load(
    plan: &Plan,
    token: &str,
    relay: &Relay,
    folder: &Path,
    random: &mut Random,
) -> Result<Backup> {
    let postern = plan.start()?;
    postern.deliver_to(token, relay.address)?;
    let mut client = Client::with_token(plan.address, token)?;
    for number in 0..BEFORE {
        submit(&mut client, number)?;
    }
    let stopped = Arc::new(AtomicBool::new(false));
    let producer = thread::spawn({
        let stopped = stopped.clone();
        move || -> Result<usize> {
            let mut number = BEFORE;
            while !stopped.load(Ordering::Relaxed) {
                submit(&mut client, number)?;
                number += 1;
            }
            Ok(number - BEFORE)
        }
    });
    let backup = Backup {
        file: folder.join("backup"),
        keys: folder.join("backup.keys"),
    };
    let made = back_up(plan, &backup, random);
    stopped.store(true, Ordering::Relaxed);
    let beside = producer.join();
    made?;
    let beside = beside.map_err(|_| anyhow::anyhow!("the producer panicked"))??;
    if beside == 0 {
        bail!("no mail was accepted during the backup");
    }
    stop(postern)?;
    Ok(backup)
}

fn back_up(plan: &Plan, backup: &Backup, random: &mut Random) -> Result<()> {
    let command = || {
        let mut command = plan.command(&["backup"]);
        command.arg(&backup.file).arg("--keys").arg(&backup.keys);
        command
    };
    for _ in 0..KILLS {
        kill_within(command(), random)?;
        if backup.file.exists() {
            return Ok(());
        }
        // The keys may be there alone; the next one replaces them.
    }
    succeed(command())
}

/// Loses the data folder, and restores the backup in its place.
fn restore(plan: &Plan, backup: &Backup, random: &mut Random) -> Result<()> {
    fs::remove_dir_all(&plan.data)?;
    let command = || {
        let mut command = plan.command(&["restore"]);
        command.arg(&backup.file).arg("--keys").arg(&backup.keys);
        command
    };
    let is_restored = || plan.data.join("postern.db").exists();
    for _ in 0..KILLS {
        if !is_restored() {
            kill_within(command(), random)?;
        }
    }
    if !is_restored() {
        succeed(command())?;
    }
    Ok(())
}

/// Moves the restored database. After a kill PostgreSQL has all rows or none.
fn move_to(plan: &Plan, database: &str, random: &mut Random) -> Result<()> {
    for _ in 0..KILLS {
        let moved = kill_within(plan.command(&["migrate", "--to", database]), random)?;
        if moved {
            return Ok(());
        }
    }
    match succeed(plan.command(&["migrate", "--to", database])) {
        // It was killed after its commit; what arrives shows whether all rows are there.
        Err(error) if error.to_string().contains("is not empty") => Ok(()),
        moved => moved,
    }
}

/// Starts a command and kills it after a random delay. Returns whether it was done before.
fn kill_within(mut command: Command, random: &mut Random) -> Result<bool> {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut process = ManagedProcess::start(&mut command)?;
    sleep(Duration::from_millis(
        random.between(DELAY_MS.0, DELAY_MS.1),
    ));
    process.child().kill()?;
    Ok(process.wait()?.success())
}

/// Runs a command, whose errors are those of its standard error.
fn succeed(mut command: Command) -> Result<()> {
    let output = command.output()?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        bail!("{}: {text}", command_line(&command));
    }
    Ok(())
}

fn submit(client: &mut Client, number: usize) -> Result<()> {
    let mail = json!({
        "from": SENDER,
        "to": format!("r{number}@example.net"),
        "subject": format!("mail {number}"),
        "text": "x".repeat(TEXT),
    });
    let answer = client.post("/api/messages/send-email", "", &mail)?;
    expect(answer, 202, "submitting a mail").map(drop)
}

fn expect_pause(client: &mut Client) -> Result<()> {
    let overview = expect(client.get("/api/outbox")?, 200, "the outbox")?.json()?;
    let by = overview["data"]["pause"]["by"].as_str();
    if !by.is_some_and(|by| by.starts_with("postern restore")) {
        bail!("delivery is not paused: {overview}");
    }
    Ok(())
}

/// Checks that each mail from before the backup arrived, and none twice. Returns how many arrived.
fn compare(relay: &Relay) -> Result<usize> {
    let mut arrived: BTreeMap<String, usize> = BTreeMap::new();
    for mail in relay.accepted() {
        for address in mail.to {
            *arrived.entry(address).or_default() += 1;
        }
    }
    let twice = arrived.iter().find(|(_, times)| **times > 1);
    if let Some((address, times)) = twice {
        bail!("the mail to {address} arrived {times} times");
    }
    for number in 0..BEFORE {
        let address = format!("r{number}@example.net");
        arrived
            .get(&address)
            .with_context(|| format!("the mail to {address} is lost"))?;
    }
    Ok(arrived.len())
}

fn stop(postern: Postern) -> Result<()> {
    let panics = postern.panics()?;
    postern.stop()?;
    match panics.first() {
        Some(panic) => bail!("{panic}"),
        None => Ok(()),
    }
}
