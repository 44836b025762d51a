//! The arguments of `diagnose`, `probe`, `check-domain` and `send-test`.

#![allow(
    clippy::doc_markdown,
    reason = "the doc comments are the texts of --help"
)]

use clap::Args;
use clap::builder::BoolishValueParser;

/// Whose saved configuration a command uses.
#[derive(Debug, Args)]
pub struct RelayArg {
    /// The relay whose saved configuration is used, by its name or id [default: the first]
    #[arg(long, env = "POSTERN_RELAY", value_name = "NAME")]
    pub relay: Option<String>,
}

/// Which relay to diagnose, and how far.
#[derive(Debug, Args)]
pub struct DiagnoseArgs {
    #[command(flatten)]
    pub relay: RelayArg,
    /// Diagnose the saved configuration; the default unless --host is given
    #[arg(value_parser = ["saved"], conflicts_with = "host", value_name = "saved")]
    pub saved: Option<String>,
    /// The relay to diagnose in the place of the saved one
    #[arg(long, env = "POSTERN_DIAGNOSE_HOST", requires = "port")]
    pub host: Option<String>,
    /// The port of that relay
    #[arg(long, env = "POSTERN_DIAGNOSE_PORT", requires = "host")]
    pub port: Option<String>,
    /// None, SSL or TLS [default: SSL at port 465, TLS at port 587, else None]
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
    /// The sender in MAIL FROM [default: the saved one; without one, postern@ and this machine's name]
    #[arg(
        long,
        env = "POSTERN_DIAGNOSE_FROM",
        requires = "host",
        value_name = "ADDRESS"
    )]
    pub from: Option<String>,
    /// The recipient in RCPT TO; without one, RCPT is not sent
    #[arg(long, env = "POSTERN_DIAGNOSE_TO", value_name = "ADDRESS")]
    pub to: Option<String>,
    /// Send a test mail to the recipient; without this, the session ends before DATA
    #[arg(long, env = "POSTERN_DIAGNOSE_SEND", requires = "to", value_parser = BoolishValueParser::new())]
    pub send: bool,
    /// Print a JSON object for each event as it happens
    #[arg(long, env = "POSTERN_DIAGNOSE_JSON", value_parser = BoolishValueParser::new())]
    pub json: bool,
}

/// What to probe.
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// A host name or IP address; or an email address, whose domain is looked up in DNS [default with
    /// --relay: the host and the port of that relay]
    #[arg(value_name = "HOST|ADDRESS", required_unless_present = "relay")]
    pub target: Option<String>,
    #[command(flatten)]
    pub relay: RelayArg,
    /// A port to try in addition to 465, 587, 2525 and 25
    #[arg(long, env = "POSTERN_PROBE_PORT")]
    pub port: Option<String>,
    /// Print a JSON object for each event as it happens
    #[arg(long, env = "POSTERN_PROBE_JSON", value_parser = BoolishValueParser::new())]
    pub json: bool,
}

/// Which domain to check.
#[derive(Debug, Args)]
pub struct CheckDomainArgs {
    /// The domain, as in example.org
    pub domain: String,
    /// Print the check as a JSON object
    #[arg(long, env = "POSTERN_CHECK_DOMAIN_JSON", value_parser = BoolishValueParser::new())]
    pub json: bool,
}
