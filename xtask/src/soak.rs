//! `cargo xtask soak`: the long runs of crashes, outages, power cuts, own relays and fuzzing.

use crate::{
    alerts, build, console, crash, fuzz, own_relays, powercut,
    rig::{environment::Database, random::Random},
    setup::promtool,
    test, traces,
};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;

const HELP: &str = "\
Kills Postern, PostgreSQL and relays, cuts their network and the power of the disk, all under load, and
verifies that no acknowledged mail is lost. Part of the mail comes over SMTP, and the relay refuses some of
its recipients: each is reported to the sender once. Some mail over HTTP names a webhook, while Postern is
killed: each delivery of it is one event, which arrives. `cargo xtask test` runs a small share of this. Then
fuzzes the REST API and what reads SMTP. Before it, promtool runs the unit tests of the alerts in ops/ and
checks the queries of the dashboard; where it is not installed, it is taken from Debian's package prometheus.

Usage: cargo xtask soak [OPTION]...

Options:
  --crashes N     kill Postern N times, half of them on SQLite, half on PostgreSQL with two nodes
                  (default: 100)
  --outages N     on PostgreSQL N times each: kill the database, cut the network between it and one of
                  two nodes, and stop one of two nodes with SIGSTOP, both for longer than a lease; with
                  three nodes behind a proxy, kill a node, and stop and start the database. Before each
                  event and after the last one at least 1,000 mails are acknowledged. On each database once,
                  kill one of three relays and start it again (default: 5)
  --nodes N       on PostgreSQL, restart each of three nodes behind a proxy N times: no request fails, no mail
                  arrives twice, and settings, sessions, limits, mail and health checks are shared. Meanwhile
                  keys are rotated with `postern keys`, their files are copied to each node, and the keys
                  before them are retired (default: 5)
  --before PATH   start these three nodes with an earlier program, and change it to the one under test
                  with the first restart of each: for a while both versions share the database
  --power-cuts N  cut the power N times, on SQLite (default: 20)
  --accounts N    give N accounts a relay each and deliver ten mails of each, on each database: the
                  connections stay under the cap, and the last mail of each account is delivered within
                  three times the mean (default: 1000)
  --fuzz N        send about N random requests to each operation of the REST API, with the tokens of
                  administrators and of a user and without one, on each database (default: 50)
  --readers N     read N random inputs as each of commands, data and chunks over SMTP, and as messages of
                  the command socket, and test the feature `otel`: a program that is built with it exports
                  the spans of a mail over SMTP to a collector as one trace (default: 100000)
  --sqlite        all but the power cuts on SQLite only
  --postgres      all but the power cuts on PostgreSQL only
  --seed SEED     repeat the random delays and requests of the run that printed this seed
  --program PATH  use this executable instead of building the release

The disk of the power cuts is a FUSE file system in memory. A cut discards what was not synced; every
second cut keeps a random part of it. A control run on a disk that ignores syncs must lose mail, which
proves that losses are detected.

Fuzzing generates requests from the OpenAPI document with schemathesis, which is installed from PyPI
into target/xtask, and checks that status, media type and body of each response are as documented.
Postern connects to relays on loopback only.
";

/// What to run.
struct Options {
    crashes: usize,
    outages: usize,
    nodes: usize,
    /// The program that the nodes of `nodes` start with, where it is another one.
    before: Option<PathBuf>,
    databases: Vec<Database>,
    power_cuts: usize,
    accounts: usize,
    fuzz: usize,
    readers: u32,
    seed: u64,
    program: Option<PathBuf>,
}

/// Runs what the arguments ask for; a failure does not prevent the other parts.
pub fn soak(arguments: &[String]) -> Result<()> {
    let Some(options) = Options::parse(arguments)? else {
        print!("{HELP}");
        return Ok(());
    };
    let cuts_power = options.power_cuts > 0;
    if let Some(reason) = powercut::unavailable().filter(|_| cuts_power) {
        bail!("{reason} (--power-cuts 0 skips the power cuts)");
    }
    let program = options.program.map_or_else(build::release, Ok)?;
    let mut failed = false;
    let mut check = |outcome: Result<()>| {
        if let Err(error) = outcome {
            console::failure(&format!("{error:#}"));
            failed = true;
        }
    };
    check(promtool::unpack().and_then(|program| alerts::check(&program)));
    if options.crashes > 0 {
        let (databases, seed) = (&options.databases, options.seed);
        check(crash::crash(
            program.clone(),
            options.crashes,
            databases,
            true,
            seed,
        ));
    }
    if options.outages > 0 {
        let (databases, seed) = (&options.databases, options.seed);
        check(crash::outages(&program, options.outages, databases, seed));
    }
    if options.nodes > 0 && options.databases.contains(&Database::Postgres) {
        let restarts = crash::RollingRestarts {
            program: &program,
            before: options.before.as_deref(),
            times: options.nodes,
            rotates_keys: true,
        };
        check(crash::rolling(&restarts, options.seed));
    }
    if cuts_power {
        check(powercut::powercut(
            &program,
            options.power_cuts,
            options.seed,
        ));
    }
    if options.accounts > 0 {
        let (accounts, databases) = (options.accounts, &options.databases);
        check(own_relays::own_relays(program.clone(), accounts, databases));
    }
    if options.fuzz > 0 {
        let (databases, seed) = (&options.databases, options.seed);
        check(fuzz::fuzz(program, options.fuzz, databases, seed));
    }
    if options.readers > 0 {
        let (readers, seed) = (options.readers, options.seed);
        console::note(&format!("seed {seed}"));
        let step = console::step("Fuzz what reads SMTP and the command socket");
        let outcome = test::readers(readers, seed);
        if outcome.is_ok() {
            step.done(&format!("{readers} inputs of each property"));
        }
        check(outcome);
        check(test::traces());
        check(test::program_with_traces().and_then(traces::run));
    }
    if failed {
        bail!("the soak test failed");
    }
    Ok(())
}

impl Options {
    /// `None` if help is wanted.
    fn parse(arguments: &[String]) -> Result<Option<Self>> {
        let mut options = Self {
            crashes: 100,
            outages: 5,
            nodes: 5,
            before: None,
            databases: vec![Database::Sqlite, Database::Postgres],
            power_cuts: 20,
            accounts: 1000,
            fuzz: 50,
            readers: 100_000,
            seed: Random::seed(),
            program: None,
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .with_context(|| format!("{word} needs a value"))
            };
            match word.as_str() {
                "--crashes" => options.crashes = value()?.parse().context("--crashes")?,
                "--outages" => options.outages = value()?.parse().context("--outages")?,
                "--nodes" => options.nodes = value()?.parse().context("--nodes")?,
                "--before" => options.before = Some(value()?.into()),
                "--power-cuts" => options.power_cuts = value()?.parse().context("--power-cuts")?,
                "--accounts" => options.accounts = value()?.parse().context("--accounts")?,
                "--fuzz" => options.fuzz = value()?.parse().context("--fuzz")?,
                "--readers" => options.readers = value()?.parse().context("--readers")?,
                "--seed" => options.seed = value()?.parse().context("--seed")?,
                "--program" => options.program = Some(value()?.into()),
                "--sqlite" => options.databases = vec![Database::Sqlite],
                "--postgres" => options.databases = vec![Database::Postgres],
                "help" | "--help" | "-h" => return Ok(None),
                other => bail!("unknown option: {other}\n\n{HELP}"),
            }
        }
        Ok(Some(options))
    }
}

#[test]
fn options_are_parsed() {
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let options = Options::parse(&words(
        "--crashes 7 --outages 2 --nodes 8 --before old --accounts 5 --postgres --fuzz 9 --readers 4 --seed 3",
    ));
    let options = options.expect("valid").expect("options");
    assert_eq!(
        (
            options.crashes,
            options.outages,
            options.power_cuts,
            options.accounts,
            options.fuzz,
            options.seed
        ),
        (7, 2, 20, 5, 9, 3)
    );
    assert_eq!((options.nodes, options.readers), (8, 4));
    assert_eq!(options.before, Some(PathBuf::from("old")));
    assert_eq!(options.databases, [Database::Postgres]);
    assert!(Options::parse(&words("--help")).expect("valid").is_none());
    assert!(Options::parse(&words("--crashes")).is_err());
    assert!(Options::parse(&words("--crashes many")).is_err());
    assert!(Options::parse(&words("100")).is_err());
}
