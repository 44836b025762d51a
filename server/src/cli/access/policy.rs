//! The arguments of `policy`.

#![allow(
    clippy::doc_markdown,
    reason = "the doc comments are the texts of --help"
)]

use clap::Subcommand;
use clap::builder::BoolishValueParser;

use super::super::data::DataArgs;

#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Print the networks from which administrators sign in and act, or replace them; without any, they
    /// do from everywhere
    Networks {
        /// A network, as in 10.0.0.0/8, or an address; all that are given replace those before
        #[arg(value_name = "NETWORK", conflicts_with = "everywhere")]
        networks: Vec<String>,
        /// Allow every network, as for administrators who are locked out
        #[arg(long, env = "POSTERN_EVERYWHERE", value_parser = BoolishValueParser::new())]
        everywhere: bool,
        #[command(flatten)]
        data_args: DataArgs,
    },
}

impl PolicyCommand {
    pub fn data_args(&self) -> &DataArgs {
        match self {
            Self::Networks { data_args, .. } => data_args,
        }
    }
}
