//! `cargo xtask bench`: throughput, latency and memory of the release build.
//!
//! The figures are not asserted: only a run that cannot complete fails.
//!
//! Findings so far:
//!
//! - No single function dominates a profile; switching between threads does. Each statement wakes
//!   SQLite's thread, so batching rows per statement and mails per commit matters most.
//! - Passing accepted mail to the worker of the same process directly, instead of claiming it from
//!   the database, gave a third more mails.
//! - SQLite writes each page to its WAL in two writes, about three pages per mail. A checkpoint
//!   inside a commit delayed one mail in five, so checkpoints run beside the commits, twice a
//!   second: a WAL that reaches its limit earlier is checkpointed by a commit (p99 28 ms, then 12).
//! - Of the time of SQLite's thread nearly half is the kernel's: two writes for each page of the WAL,
//!   one read and one write for its checkpoint (5.5 and 1.4 for a mail of 4 KB). Pages of 8 and 16 KiB
//!   cost a fifth and four fifths more. Rows inserted one by one with a prepared statement cost the
//!   same as 64 in one statement.
//! - A table without rowids keeps 489 octets of a body in its tree and the rest in pages of its own:
//!   1.9 pages written for a mail of 1.6 KB, 1.3 with rowids, and half of the disk space.
//! - The claiming task polled at every free place of the local queue, for every two or three mails,
//!   although none waited in the database: 64,228 futex calls for 11,000 mails, 36,782 now.
//! - Through sqlx a mail of 4 KB took 84 µs of processor time in the engine, 54 of them on SQLite's
//!   thread; a program that writes the same rows with prepared statements takes 32. The hot path has
//!   direct transactions since. Over HTTP it is about twice as much: allocation, hyper and the layers
//!   of axum, none of which stands out.
//! - Other allocators (mimalloc, jemalloc) made no difference beyond the spread.
//! - SQLite treats a numbered placeholder as a name, which cost a seventh of its thread's time.
//! - lettre's quoted-printable encoder cost more than reading the request and was replaced.
//! - PostgreSQL's statistics lag behind thousands of rows per second, and commits scanned whole
//!   tables until sequential scans were disabled for them (a third more mails). Four writers
//!   batched less per commit than two. Lease renewal skips locked rows, because it blocked
//!   recording results.
//! - Rows as one JSON parameter, with statements of constant text, are not faster on PostgreSQL than a block
//!   of placeholders: 7,087 and 5,102/s beside 6,490 and 7,552/s in alternating runs. Processor time there is
//!   spread: of a mail that is delivered two fifths in Postern, a third in PostgreSQL; no single
//!   function above 3 %.

mod benchmarks;
mod machine;
mod others;
mod system;
mod table;

use crate::{
    build, console,
    rig::{environment::Environment, postgres::Durability},
};
use anyhow::{Result, bail};
use benchmarks::BENCHMARKS;

/// Runs the named benchmarks, or all, and prints a table for the README on standard output.
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
        bail!("unknown benchmark: {unknown}\n\n{}", help());
    }
    let program = program.map_or_else(build::release, Ok)?;
    let mut environment = Environment::new(program, "bench", Durability::Synced)?;
    let machine = machine::described(environment.folder())?;
    let mut rows = Vec::new();
    for benchmark in &BENCHMARKS {
        if names.is_empty() || names.iter().any(|name| name == benchmark.name) {
            let step = console::step(&format!("{}: {}", benchmark.name, benchmark.about));
            let mut measured = (benchmark.run)(&mut environment)?;
            let figures: Vec<_> = measured.iter().map(|row| row.measured.as_str()).collect();
            step.done(&figures.join("; "));
            for row in &mut measured {
                row.what = format!("`{}`: {}", benchmark.name, row.what);
            }
            rows.extend(measured);
        }
    }
    print!("{machine}\n\n{}", table::table(&rows));
    if rows.iter().any(|row| row.beside.contains("times Postfix")) {
        print!("\n{}\n", others::postfix::settings_note());
    }
    Ok(())
}

fn help() -> String {
    let mut text = String::from(
        "Measures the release build and prints a table. Run it on an otherwise idle machine.\n\n\
         Usage: cargo xtask bench [--program PATH] [NAME]...\n\n\
         Without --program the release is built and used.\n\n\
         Benchmarks (default: all):\n",
    );
    for benchmark in &BENCHMARKS {
        text.push_str(&format!("  {:<18} {}\n", benchmark.name, benchmark.about));
    }
    text
}
