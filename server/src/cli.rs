//! The command line: every flag has its `POSTERN_*` variable, and the flag wins.

#![allow(
    clippy::doc_markdown,
    reason = "the doc comments are the texts of --help"
)]

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::builder::styling::Styles;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// The gate an organisation's mail leaves by: set up outgoing SMTP in a browser, see why it works
/// or does not.
#[derive(Debug, Parser)]
#[command(name = "postern", version, max_term_width = 100, styles = Styles::plain())]
#[command(disable_help_subcommand = true, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the console, take mail in and deliver it
    Serve {
        #[command(flatten)]
        data_args: DataArgs,
        #[command(flatten)]
        listen: ListenArgs,
        #[command(flatten)]
        delivery: DeliveryArgs,
        /// Take mail in and leave it to others, `postern deliver` for one, to deliver it
        #[arg(long, env = "POSTERN_NO_DELIVERY", value_parser = BoolishValueParser::new())]
        no_delivery: bool,
    },
    /// Deliver mail and nothing else: beside `postern serve --no-delivery`, or on another machine
    /// with the same PostgreSQL database and the same keys
    Deliver {
        #[command(flatten)]
        data_args: DataArgs,
        #[command(flatten)]
        delivery: DeliveryArgs,
    },
    /// Create accounts and set their passwords
    #[command(subcommand, subcommand_value_name = "ACTION")]
    Account(AccountCommand),
    /// Make, list and revoke the tokens programs sign in with
    #[command(subcommand, subcommand_value_name = "ACTION")]
    Token(TokenCommand),
    /// Say stage by stage whether a relay works and why not, without sending anything; exits with
    /// 0 when every stage passes, 1 when one fails, 2 when something is wrong with the arguments
    Diagnose {
        #[command(flatten)]
        relay: DiagnoseArgs,
        #[command(flatten)]
        data_args: DataArgs,
    },
    /// Try every way to a relay at once and recommend settings; no password is sent; exits with 0
    /// when something is recommended, 1 when nothing works, 2 when something is wrong with the
    /// arguments
    Probe {
        #[command(flatten)]
        args: ProbeArgs,
        #[command(flatten)]
        data_args: DataArgs,
    },
    /// Send a test email with the saved configuration
    SendTest {
        /// Who receives it
        address: String,
        #[command(flatten)]
        data_args: DataArgs,
    },
}

/// How mail is delivered and kept.
#[derive(Clone, Debug, Args)]
pub struct DeliveryArgs {
    /// The most connections to a relay at the same time, 1 to 1000
    #[arg(
        long,
        env = "POSTERN_RELAY_CONNECTIONS",
        default_value = "20",
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=1000)
    )]
    pub relay_connections: u16,
    /// Hold all mail until it is released, and send none
    #[arg(long, env = "POSTERN_HOLD_MAIL", value_parser = BoolishValueParser::new())]
    pub hold_mail: bool,
    /// How many days a mail itself is kept after it was delivered to everybody
    #[arg(
        long,
        env = "POSTERN_KEEP_BODIES",
        default_value = "7",
        value_name = "DAYS"
    )]
    pub keep_bodies: u16,
    /// How many days is kept what happened to it
    #[arg(
        long,
        env = "POSTERN_KEEP_ROWS",
        default_value = "90",
        value_name = "DAYS"
    )]
    pub keep_rows: u16,
    /// How long mail waits for a node that died with it, 1 to 3600
    #[arg(
        long,
        env = "POSTERN_LEASE_SECONDS",
        default_value = "60",
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u16).range(1..=3600)
    )]
    pub lease_seconds: u16,
}

/// Which relay, and how far.
#[derive(Debug, Args)]
pub struct DiagnoseArgs {
    /// The saved configuration, which is what is diagnosed unless a host is named
    #[arg(value_parser = ["saved"], conflicts_with = "host", value_name = "saved")]
    pub saved: Option<String>,
    /// Another relay than the saved one
    #[arg(long, env = "POSTERN_DIAGNOSE_HOST", requires = "port")]
    pub host: Option<String>,
    #[arg(long, env = "POSTERN_DIAGNOSE_PORT", requires = "host")]
    pub port: Option<String>,
    /// None, SSL or TLS [default: SSL at port 465, TLS at 587, else None]
    #[arg(
        long,
        env = "POSTERN_DIAGNOSE_CONNECTION_TYPE",
        requires = "host",
        value_name = "TYPE"
    )]
    pub connection_type: Option<String>,
    /// Sign in as this user; the password is asked for, or read from standard input
    #[arg(
        long,
        env = "POSTERN_DIAGNOSE_USER",
        requires = "host",
        value_name = "NAME"
    )]
    pub user: Option<String>,
    /// Plain, Login or Cram_MD5
    #[arg(
        long,
        env = "POSTERN_DIAGNOSE_AUTHENTICATION_TYPE",
        requires = "user",
        value_name = "TYPE",
        default_value = "Plain"
    )]
    pub authentication_type: String,
    /// The sender MAIL names [default: the saved one]
    #[arg(
        long,
        env = "POSTERN_DIAGNOSE_FROM",
        requires = "host",
        value_name = "ADDRESS"
    )]
    pub from: Option<String>,
    /// The recipient RCPT names; without one, no recipient is named
    #[arg(long, env = "POSTERN_DIAGNOSE_TO", value_name = "ADDRESS")]
    pub to: Option<String>,
    /// One JSON object for each event, as it happens
    #[arg(long, env = "POSTERN_DIAGNOSE_JSON", value_parser = BoolishValueParser::new())]
    pub json: bool,
}

/// What to probe.
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// The host name or IP address of a relay; or an email address, for what DNS says of its domain
    #[arg(value_name = "HOST|ADDRESS")]
    pub relay: String,
    /// A port to try beside 465, 587, 2525 and 25
    #[arg(long, env = "POSTERN_PROBE_PORT")]
    pub port: Option<String>,
    /// One JSON object for each event, as it happens
    #[arg(long, env = "POSTERN_PROBE_JSON", value_parser = BoolishValueParser::new())]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Create an account; the password is asked for, or read from standard input
    Create {
        email: String,
        #[arg(long, env = "POSTERN_ROLE", value_enum)]
        role: RoleArg,
        #[command(flatten)]
        data_args: DataArgs,
    },
    /// Set the password of an account and end its sessions; asked for, or read from standard input
    Passwd {
        email: String,
        #[command(flatten)]
        data_args: DataArgs,
    },
}

#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token with the rights of an account, and print it: it is shown this once
    Create {
        /// The address of the account
        #[arg(long, env = "POSTERN_ACCOUNT", value_name = "EMAIL")]
        account: String,
        /// What the token is for
        #[arg(long, env = "POSTERN_TOKEN_NAME")]
        name: String,
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
        /// As `token list` shows it
        id: String,
        #[command(flatten)]
        data_args: DataArgs,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum RoleArg {
    /// Sets up mail
    Admin,
    /// Has an account
    User,
}

/// Where the data is: the same for every command.
#[derive(Debug, Args)]
pub struct DataArgs {
    /// The data folder: the database and the keys
    #[arg(
        long,
        env = "POSTERN_DATA",
        default_value = "data",
        value_name = "FOLDER"
    )]
    pub data: PathBuf,
    /// PostgreSQL instead of SQLite, as in postgres://user@host/name; with a password, give it in
    /// POSTERN_DATABASE or in the file that POSTERN_DATABASE_FILE names
    #[arg(
        long,
        env = "POSTERN_DATABASE",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub database: Option<String>,
    /// Start although a key is lost; the passwords sealed with it must be entered again
    #[arg(long, env = "POSTERN_ACCEPT_LOST_KEYS", value_parser = BoolishValueParser::new())]
    pub accept_lost_keys: bool,
    /// Networks relays may be in although they are denied otherwise, as in 169.254.7.0/24
    #[arg(
        long,
        env = "POSTERN_RELAY_ALLOW",
        value_name = "NETWORKS",
        default_value = "",
        hide_default_value = true
    )]
    pub relay_allow: String,
    /// Networks relays must not be in
    #[arg(
        long,
        env = "POSTERN_RELAY_DENY",
        value_name = "NETWORKS",
        default_value = "",
        hide_default_value = true
    )]
    pub relay_deny: String,
    /// How to log
    #[arg(long, env = "POSTERN_LOG", value_enum, default_value = "text")]
    pub log: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Args)]
pub struct ListenArgs {
    /// Address and port to listen on
    #[arg(
        long,
        env = "POSTERN_LISTEN",
        default_value = "127.0.0.1:3000",
        value_name = "ADDR"
    )]
    pub listen: SocketAddr,
    /// Where people reach the console, as in https://mail.example.org [default: http://<listen>]
    #[arg(long, env = "POSTERN_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// Networks of proxies whose X-Forwarded-For counts, separated by commas
    #[arg(
        long,
        env = "POSTERN_TRUSTED_PROXIES",
        value_name = "NETWORKS",
        default_value = "",
        hide_default_value = true
    )]
    pub trusted_proxies: String,
}

impl Command {
    /// Whether a new Postern may begin with this command; the others need one that is there, so
    /// that a mistyped folder does not become one.
    pub fn creates_data(&self) -> bool {
        matches!(
            self,
            Self::Serve { .. } | Self::Account(AccountCommand::Create { .. })
        )
    }

    /// Whether mail that comes in is held.
    pub fn holds_mail(&self) -> bool {
        match self {
            Self::Serve { delivery, .. } | Self::Deliver { delivery, .. } => delivery.hold_mail,
            _ => false,
        }
    }

    /// Whether it goes on until it is told to stop.
    pub fn is_service(&self) -> bool {
        matches!(self, Self::Serve { .. } | Self::Deliver { .. })
    }

    pub fn data_args(&self) -> &DataArgs {
        match self {
            Self::Serve { data_args, .. }
            | Self::Deliver { data_args, .. }
            | Self::Diagnose { data_args, .. }
            | Self::Probe { data_args, .. }
            | Self::SendTest { data_args, .. }
            | Self::Account(
                AccountCommand::Create { data_args, .. } | AccountCommand::Passwd { data_args, .. },
            )
            | Self::Token(
                TokenCommand::Create { data_args, .. }
                | TokenCommand::List { data_args }
                | TokenCommand::Revoke { data_args, .. },
            ) => data_args,
        }
    }
}
