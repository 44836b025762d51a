//! The arguments of `token`.

#![allow(
    clippy::doc_markdown,
    reason = "the doc comments are the texts of --help"
)]

use clap::Subcommand;
use clap::builder::BoolishValueParser;
use domain::outbox::Priority;

use super::super::data::DataArgs;
use super::limits::LimitArgs;

#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Create a token of an account, and print it; it is not shown again
    Create {
        /// The email address of the account
        #[arg(long, env = "POSTERN_ACCOUNT", value_name = "EMAIL")]
        account: String,
        /// What the token is for
        #[arg(long, env = "POSTERN_TOKEN_NAME")]
        name: String,
        /// What it may do, separated by commas: send (submit mail), read (messages and metrics), admin
        /// (what administrators do) [default: all that the role of the account allows]
        #[arg(
            long,
            env = "POSTERN_TOKEN_SCOPE",
            value_name = "SCOPES",
            value_delimiter = ','
        )]
        scope: Vec<String>,
        /// Days after which it expires, 1 to 3650 [default: never]
        #[arg(long, env = "POSTERN_TOKEN_EXPIRES", value_name = "DAYS")]
        expires: Option<u32>,
        /// An address it may send from; given several times, each of them [default: all that the account
        /// may send from]
        #[arg(
            long,
            env = "POSTERN_TOKEN_SENDER",
            value_name = "ADDRESS",
            value_delimiter = ','
        )]
        sender: Vec<String>,
        /// Let it send from addresses that the account may not: only for an administrator's account
        #[arg(long, env = "POSTERN_TOKEN_ANY_SENDER", value_parser = BoolishValueParser::new())]
        any_sender: bool,
        /// The priority of its mail that names none: high, normal or bulk [default: normal, or the highest]
        #[arg(long, env = "POSTERN_TOKEN_DEFAULT_PRIORITY", value_name = "PRIORITY")]
        default_priority: Option<Priority>,
        /// The highest priority its mail may name [default: high]
        #[arg(long, env = "POSTERN_TOKEN_HIGHEST_PRIORITY", value_name = "PRIORITY")]
        highest_priority: Option<Priority>,
        #[command(flatten)]
        limits: LimitArgs,
        #[command(flatten)]
        data_args: DataArgs,
    },
    /// List the tokens, without their secrets
    List {
        #[command(flatten)]
        data_args: DataArgs,
    },
    /// Revoke a token
    Revoke {
        /// The id that `token list` shows
        id: String,
        #[command(flatten)]
        data_args: DataArgs,
    },
}

impl TokenCommand {
    pub fn data_args(&self) -> &DataArgs {
        match self {
            Self::Create { data_args, .. }
            | Self::List { data_args }
            | Self::Revoke { data_args, .. } => data_args,
        }
    }
}
