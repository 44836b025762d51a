//! The argument with the reserve of free disk space.

#![allow(
    clippy::doc_markdown,
    reason = "the doc comments are the texts of --help"
)]

use clap::Args;

/// How much of the disk stays free.
#[derive(Clone, Copy, Debug, Args)]
pub struct QueueArgs {
    /// MiB that stay free on the disk of the SQLite database: with less, mail is refused with 503,
    /// and delivery goes on; 0 for no reserve
    #[arg(
        long,
        env = "POSTERN_QUEUE_MINFREE",
        default_value = "64",
        value_name = "MIB"
    )]
    queue_minfree: u32,
}

impl QueueArgs {
    /// The octets that stay free.
    pub fn minfree(self) -> u64 {
        u64::from(self.queue_minfree) << 20
    }
}
