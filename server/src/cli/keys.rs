//! The arguments of `keys`.

#![allow(
    clippy::doc_markdown,
    reason = "the doc comments are the texts of --help"
)]

use clap::Subcommand;
use clap::builder::BoolishValueParser;

use super::data::DataArgs;

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// List the keys with their ages and states, and what each seals
    List {
        #[command(flatten)]
        data_args: DataArgs,
    },
    /// Make a key that seals stored secrets from now on; `postern serve` seals anew what other keys
    /// sealed, and where there are several nodes the key seals once each has its file
    Rotate {
        /// Make a key for browsers instead; passwords that pages seal for the one before are accepted for
        /// another hour
        #[arg(long, env = "POSTERN_ROTATE_BROWSER", value_parser = BoolishValueParser::new())]
        browser: bool,
        #[command(flatten)]
        data_args: DataArgs,
    },
    /// Retire a key that seals nothing any more: its file is deleted
    Retire {
        /// The id that `keys list` shows
        id: String,
        #[command(flatten)]
        data_args: DataArgs,
    },
}

impl KeysCommand {
    pub fn data_args(&self) -> &DataArgs {
        match self {
            Self::List { data_args }
            | Self::Rotate { data_args, .. }
            | Self::Retire { data_args, .. } => data_args,
        }
    }
}
