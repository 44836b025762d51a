//! `cargo xtask bench`: how fast, how soon, in how much memory. Figures, not tests: only a run that
//! fails is a failure.
//!
//! What was learnt: no function stands out in a profile; what costs is going from one thread to
//! another. A statement wakes SQLite's thread and is waited for, so that rows in one statement, and
//! mails in one commit, count for more than any of them does. Mail that the worker of the process
//! may have at once need not be taken and read back later: a third more mails. A page of SQLite goes
//! into its log in two writes, about three pages a mail; copying the log into the database within a
//! commit made one mail in five wait for it, so it runs beside the commits, and twice a second, since
//! a log that comes to the limit between two copies is copied by a commit after all (p99 28 ms, then
//! 12). A placeholder with a number is a name to SQLite, and cost a seventh of its thread. Of the
//! rest the network takes most. lettre's quoted-printable cost more than reading the request, and was
//! written anew. On PostgreSQL statistics lag behind thousands of rows a second, and commits read
//! whole tables until they were told not to (a third more mails); four writers gathered less into a
//! commit than two; a renewal of leases and a verdict waited for each other's rows until one passes
//! over those that are locked.

mod delivery;
mod intake;
mod load;
mod machine;
mod memory;
mod nodemailer;
mod postfix;
mod proxy;
mod system;
mod table;

use crate::{
    build, console,
    rig::{environment::Environment, postgres::Durability},
};
use anyhow::{Result, bail};
use table::Row;

/// Of those that are short, the median counts.
const RUNS: usize = 3;

struct Benchmark {
    name: &'static str,
    about: &'static str,
    run: fn(&mut Environment) -> Result<Vec<Row>>,
}

const BENCHMARKS: [Benchmark; 7] = [
    Benchmark {
        name: "intake",
        about: "mails accepted over HTTP by 64 clients, SQLite",
        run: intake::sqlite,
    },
    Benchmark {
        name: "delivery",
        about: "mails accepted, delivered and recorded, SQLite, beside Postfix",
        run: delivery::sqlite,
    },
    Benchmark {
        name: "far-away",
        about: "one connection to a relay 20 ms away",
        run: delivery::far_away,
    },
    Benchmark {
        name: "postgres-intake",
        about: "as intake, PostgreSQL",
        run: intake::postgres,
    },
    Benchmark {
        name: "postgres-delivery",
        about: "as delivery, PostgreSQL, without Postfix",
        run: delivery::postgres,
    },
    Benchmark {
        name: "memory",
        about: "100,000 mails queued",
        run: memory::row,
    },
    Benchmark {
        name: "nodemailer",
        about: "nodemailer's pool to the same relay",
        run: nodemailer::row,
    },
];

/// Measures what is named, or all, and prints a table for the README on standard output.
pub fn bench(names: &[String]) -> Result<()> {
    if names
        .iter()
        .any(|name| ["help", "--help", "-h"].contains(&name.as_str()))
    {
        print!("{}", help());
        return Ok(());
    }
    let (program, names) = match names {
        [flag, program, names @ ..] if flag == "--program" => (Some(program.into()), names),
        names => (None, names),
    };
    if let Some(unknown) = names
        .iter()
        .find(|name| !BENCHMARKS.iter().any(|benchmark| benchmark.name == **name))
    {
        bail!("there is no measure called {unknown}\n\n{}", help());
    }
    let program = program.map_or_else(build::build, Ok)?;
    let mut environment = Environment::new(program, "bench", Durability::Synced)?;
    let machine = machine::described(environment.folder())?;
    let mut rows = Vec::new();
    for benchmark in &BENCHMARKS {
        if names.is_empty() || names.iter().any(|name| name == benchmark.name) {
            let step = console::step(&format!("{}: {}", benchmark.name, benchmark.about));
            let measured = (benchmark.run)(&mut environment)?;
            let figures: Vec<_> = measured.iter().map(|row| row.measured.as_str()).collect();
            step.done(&figures.join("; "));
            rows.extend(measured);
        }
    }
    print!("{machine}\n\n{}", table::table(&rows));
    if rows.iter().any(|row| row.beside.contains("times Postfix")) {
        print!("\n{}\n", postfix::SET);
    }
    Ok(())
}

fn help() -> String {
    let mut text = String::from(
        "Measures the finished program, and prints a table. Best on a machine that does nothing else.\n\n\
         Usage: cargo xtask bench [--program PATH] [NAME]...\n\n\
         Without --program the release is built and measured.\n\n\
         Names, all of them unless some are given:\n",
    );
    for benchmark in &BENCHMARKS {
        text.push_str(&format!("  {:<18} {}\n", benchmark.name, benchmark.about));
    }
    text
}
