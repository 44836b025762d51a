//! Fuzzing of the REST API: requests generated from its `OpenAPI` document, responses checked.

mod config;

use crate::{
    console,
    rig::{
        accepting_relay,
        environment::{Database, Environment},
        postern::{ADMINISTRATOR, Plan},
        postgres::Durability,
    },
    run::run,
    setup::schemathesis,
};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};
use testkit::Relay;

/// Administrators who take turns: each may start 12 diagnoses or probes and 6 tests a minute.
const ADMINISTRATORS: usize = 16;

/// The operations that change the relay. They are fuzzed last.
const SETTINGS: &str = "/api/setup/email_smtp";

/// Sends about `examples` requests to each operation, on each of the databases.
pub fn fuzz(program: PathBuf, examples: usize, engines: &[Database], seed: u64) -> Result<()> {
    console::note(&format!("seed {seed}"));
    let st = schemathesis::program()?;
    let mut environment = Environment::new(program, "fuzz", Durability::Unsynced)?;
    // A relay with a callback ignores rules.
    let relay = Relay::start(accepting_relay());
    for (address, reply) in [
        (config::UNKNOWN, "550 5.1.1 No such user"),
        (config::DEFERRED, "450 4.2.0 Try again later"),
    ] {
        relay.reply_to(&format!("RCPT TO:<{address}>"), reply);
    }
    let folder = environment.folder().to_owned();
    fs::write(
        folder.join("schemathesis.toml"),
        config::text(relay.address.port(), seed, examples),
    )?;
    fs::write(folder.join("hooks.py"), include_str!("hooks.py"))?;
    let mut failed = Vec::new();
    for engine in engines {
        failed.extend(fuzz_on(&mut environment, *engine, &st, relay.address)?);
    }
    if !failed.is_empty() {
        bail!(
            "fuzzing found faults with seed {seed}: {}",
            failed.join(", ")
        );
    }
    Ok(())
}

/// Fuzzes one Postern and returns the names of the runs that found something.
fn fuzz_on(
    environment: &mut Environment,
    engine: Database,
    st: &Path,
    relay: SocketAddr,
) -> Result<Vec<String>> {
    let folder = environment.folder().to_owned();
    let plan = environment.plan(engine)?.argument(&[
        "--relay-deny",
        "0.0.0.0/0,::/0",
        "--relay-allow",
        "127.0.0.0/8,::1",
    ]);
    let administrators = administrators(&plan)?;
    let user = plan.account("user@example.org", "user")?;
    let postern = plan.start()?;
    let token = administrators.split(' ').next().context("no token")?;
    postern.deliver_to(token, relay)?;

    let mut failed = Vec::new();
    for (name, tokens, filter) in [
        ("no token", "", &[][..]),
        ("a user", &user, &[]),
        (
            "administrators",
            &administrators,
            &["--exclude-path", SETTINGS],
        ),
        (
            "administrators, settings",
            &administrators,
            &["--include-path", SETTINGS],
        ),
    ] {
        let name = format!("{engine}, {name}");
        let step = console::step(&format!("Fuzz the REST API, {name}"));
        let document = format!("http://{}/api/openapi.json", postern.address);
        let mut command = Command::new(st);
        command
            .args(["run", &document])
            .args(filter)
            .current_dir(&folder)
            .env("POSTERN_TOKENS", tokens)
            .env("POSTERN_RECIPIENTS", format!("{:?}", config::RECIPIENTS));
        match run(&mut command) {
            Ok(()) => step.done("as documented"),
            Err(_) => failed.push(name),
        }
    }
    failed.extend(postern.panics()?);
    postern.stop()?;
    Ok(failed)
}

/// Creates the accounts and returns their tokens, separated by spaces.
fn administrators(plan: &Plan) -> Result<String> {
    let mut tokens = vec![plan.token()?];
    for number in 1..ADMINISTRATORS {
        tokens.push(plan.account(&format!("{number}.{ADMINISTRATOR}"), "admin")?);
    }
    Ok(tokens.join(" "))
}
