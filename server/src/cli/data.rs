//! The arguments that every command has.

#![allow(
    clippy::doc_markdown,
    reason = "the doc comments are the texts of --help"
)]

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};

/// Data folder, database and logging: the same for every command.
#[derive(Debug, Args)]
pub struct DataArgs {
    /// The data folder with the SQLite database and the keys
    #[arg(
        long,
        env = "POSTERN_DATA",
        default_value = "data",
        value_name = "FOLDER"
    )]
    pub data: PathBuf,
    /// PostgreSQL in the place of SQLite, as in postgres://user@host/name; a URL with a password goes
    /// into POSTERN_DATABASE or into the file that POSTERN_DATABASE_FILE names
    #[arg(
        long,
        env = "POSTERN_DATABASE",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub database: Option<String>,
    /// Allow PostgreSQL on another machine without sslmode=verify-full: an attacker on the network
    /// between can read and change everything
    #[arg(long, env = "POSTERN_DATABASE_INSECURE", value_parser = BoolishValueParser::new())]
    pub database_insecure: bool,
    /// Start although the other nodes on the database seal with a key whose file is not here; what they
    /// sealed does not open on this node
    #[arg(long, env = "POSTERN_ACCEPT_LOST_KEYS", value_parser = BoolishValueParser::new())]
    pub accept_lost_keys: bool,
    /// Networks in which relays are allowed although denied by default, as in 169.254.7.0/24
    #[arg(
        long,
        env = "POSTERN_RELAY_ALLOW",
        value_name = "NETWORKS",
        default_value = "",
        hide_default_value = true
    )]
    pub relay_allow: String,
    /// Networks in which relays are denied
    #[arg(
        long,
        env = "POSTERN_RELAY_DENY",
        value_name = "NETWORKS",
        default_value = "",
        hide_default_value = true
    )]
    pub relay_deny: String,
    /// NAT64 prefixes of this network, as in 2001:db8:64::/96: an address inside is allowed where the
    /// IPv4 address it stands for is
    #[arg(
        long,
        env = "POSTERN_RELAY_NAT64",
        value_name = "PREFIXES",
        default_value = "",
        hide_default_value = true
    )]
    pub relay_nat64: String,
    /// The format of the log
    #[arg(long, env = "POSTERN_LOG", value_enum, default_value = "text")]
    pub log: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Human-readable lines
    Text,
    /// One JSON object per line
    Json,
}
