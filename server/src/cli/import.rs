//! The arguments of `import`.

#![allow(
    clippy::doc_markdown,
    reason = "the doc comments are the texts of --help"
)]

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;

use super::RelayArg;

/// What to import. Exactly one is given.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct ImportSourceArgs {
    /// A document of postern export: its relays are added, or changed where there is one of their name
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// A file of variables, as in .env: SMTP_HOST, SMTP_PORT, SMTP_SECURE or SMTP_TLS, SMTP_REQUIRE_TLS,
    /// SMTP_AUTH, SMTP_USER, SMTP_PASS or SMTP_PASSWORD, MAIL_FROM, MAIL_FROM_NAME, EMAIL_TIMEOUT,
    /// EMAIL_ALLOW_INSECURE and SKIP_EMAIL_SEND; each also with _FILE
    #[arg(long, env = "POSTERN_IMPORT_ENV", value_name = "FILE")]
    pub env: Option<PathBuf>,
    /// The folder of Postfix, as in /etc/postfix: relayhost and TLS of main.cf, user and password of the
    /// file that smtp_sasl_password_maps names
    #[arg(long, env = "POSTERN_IMPORT_POSTFIX", value_name = "DIR")]
    pub postfix: Option<PathBuf>,
    /// A configuration file of msmtp, as in /etc/msmtprc: its account default, or its only one
    #[arg(long, env = "POSTERN_IMPORT_MSMTP", value_name = "FILE")]
    pub msmtp: Option<PathBuf>,
    /// The folder of nullmailer, as in /etc/nullmailer: the first line of remotes
    #[arg(long, env = "POSTERN_IMPORT_NULLMAILER", value_name = "DIR")]
    pub nullmailer: Option<PathBuf>,
}

/// What to import, and into which relay.
#[derive(Debug, Args)]
pub struct ImportArgs {
    #[command(flatten)]
    pub source: ImportSourceArgs,
    /// The private key that opens the passwords of a document, in PEM without a passphrase; a file that
    /// only its owner can read
    #[arg(
        long,
        env = "POSTERN_IMPORT_PRIVATE_KEY",
        value_name = "FILE",
        requires = "file"
    )]
    pub private_key: Option<PathBuf>,
    #[command(flatten)]
    pub relay: RelayArg,
    /// The From address where what is imported names none
    #[arg(long, env = "POSTERN_IMPORT_FROM", value_name = "ADDRESS")]
    pub from: Option<String>,
    /// Follow EMAIL_ALLOW_INSECURE: do not check certificates, and send passwords without encryption where
    /// the relay offers none
    #[arg(long, env = "POSTERN_ALLOW_INSECURE", value_parser = BoolishValueParser::new())]
    pub allow_insecure: bool,
    /// Save without asking
    #[arg(long, env = "POSTERN_IMPORT_YES", value_parser = BoolishValueParser::new())]
    pub yes: bool,
}
