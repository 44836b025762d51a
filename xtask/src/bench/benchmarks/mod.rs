//! The benchmarks: for each subject a module that measures it.

mod attack;
mod delivery;
mod fairness;
mod intake;
mod memory;
mod nodemailer;
mod queues;
mod rows;
mod submission;

use super::table::Row;
use crate::rig::environment::Environment;
use anyhow::Result;

/// A benchmark, by the name that the command line has for it.
pub struct Benchmark {
    pub name: &'static str,
    pub about: &'static str,
    /// Runs it and returns its rows of the table.
    pub run: fn(&mut Environment) -> Result<Vec<Row>>,
}

/// All benchmarks, in the order in which they run.
pub const BENCHMARKS: [Benchmark; 13] = [
    Benchmark {
        name: "intake",
        about: "mails accepted over HTTP by 64 clients, SQLite",
        run: intake::sqlite,
    },
    Benchmark {
        name: "delivery",
        about: "mails accepted, delivered and recorded, SQLite, beside Postfix, Exim and OpenSMTPD",
        run: delivery::sqlite,
    },
    Benchmark {
        name: "far-away",
        about: "one connection to a relay with a round trip of 20 ms, also to Postfix",
        run: delivery::far_away,
    },
    Benchmark {
        name: "submission-intake",
        about: "mails accepted over SMTP in 64 sessions of smtp-source, SQLite",
        run: submission::intake,
    },
    Benchmark {
        name: "submission",
        about: "smtp-source to Postern to smtp-sink, and Postfix in place of Postern, SQLite",
        run: submission::delivery,
    },
    Benchmark {
        name: "postgres-intake",
        about: "as intake, on PostgreSQL",
        run: intake::postgres,
    },
    Benchmark {
        name: "postgres-delivery",
        about: "as delivery, on PostgreSQL, without Postfix",
        run: delivery::postgres,
    },
    Benchmark {
        name: "memory",
        about: "memory with 100,000 and 1,000,000 mails queued, and with mails of 25 MB",
        run: memory::rows,
    },
    Benchmark {
        name: "queues",
        about: "100 queues, 10 of them with a dead relay, SQLite",
        run: queues::row,
    },
    Benchmark {
        name: "fairness",
        about: "mails behind 500,000 bulk mails of another account, SQLite",
        run: fairness::rows,
    },
    Benchmark {
        name: "rows",
        about: "pages, counts, claims and searches with 2,000,000 rows, and their disk space, SQLite",
        run: rows::rows,
    },
    Benchmark {
        name: "attack",
        about: "intake and a page while others ask for too much, and transactions of actions, SQLite",
        run: attack::rows,
    },
    Benchmark {
        name: "nodemailer",
        about: "nodemailer's pool, also with TCP_NODELAY, and Postern at the same smtp-sink",
        run: nodemailer::rows,
    },
];
