//! The arguments of `import`.

#![allow(
    clippy::doc_markdown,
    reason = "the doc comments are the texts of --help"
)]

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;

use super::RelayArg;

/// What to import, and into which relay.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// A file of variables, as in .env: SMTP_HOST, SMTP_PORT, SMTP_SECURE or SMTP_TLS, SMTP_REQUIRE_TLS,
    /// SMTP_AUTH, SMTP_USER, SMTP_PASS or SMTP_PASSWORD, MAIL_FROM, MAIL_FROM_NAME, EMAIL_TIMEOUT,
    /// EMAIL_ALLOW_INSECURE and SKIP_EMAIL_SEND; each also with _FILE
    #[arg(long, env = "POSTERN_IMPORT_ENV", value_name = "FILE", required = true)]
    pub env: Option<PathBuf>,
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
