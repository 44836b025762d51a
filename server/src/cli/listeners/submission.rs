//! The arguments of the SMTP submission listener.

#![allow(
    clippy::doc_markdown,
    reason = "the doc comments are the texts of --help"
)]

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;

/// Where mail is accepted over SMTP, and for which accounts.
#[derive(Clone, Debug, Default, Args)]
pub struct SubmissionArgs {
    /// Accept mail over SMTP at this address and port, as in 127.0.0.1:2525, with STARTTLS where there is
    /// a certificate [default: not]
    #[arg(long, env = "POSTERN_SUBMISSION", value_name = "ADDR")]
    pub submission: Option<SocketAddr>,
    /// Accept mail over SMTP with TLS from the first octet, as in 0.0.0.0:465 [default: not]
    #[arg(long, env = "POSTERN_SUBMISSIONS", value_name = "ADDR")]
    pub submissions: Option<SocketAddr>,
    /// A PEM file with the certificate of the SMTP listeners, and the chain behind it; a renewed one is used
    /// within a second [default: that of --tls-cert]
    #[arg(long, env = "POSTERN_SUBMISSION_CERT", value_name = "FILE")]
    pub submission_cert: Option<PathBuf>,
    /// A PEM file with its key
    #[arg(long, env = "POSTERN_SUBMISSION_KEY", value_name = "FILE")]
    pub submission_key: Option<PathBuf>,
    /// Accept mail of programs on this machine over SMTP at this Unix socket, which every user may use, as
    /// in /run/postern/submit.sock [default: not]
    #[arg(long, env = "POSTERN_SUBMIT_SOCKET", value_name = "PATH")]
    pub submit_socket: Option<PathBuf>,
    /// The account of mail from programs on this machine that do not sign in [default: the
    /// submitter local, from any address]
    #[arg(long, env = "POSTERN_LOCAL_ACCOUNT", value_name = "EMAIL")]
    pub local_account: Option<String>,
    /// The accounts of mail from the Unix socket, by the user ids of programs, as in
    /// 33=web@example.org, separated by commas
    #[arg(
        long,
        env = "POSTERN_SUBMIT_USERS",
        value_name = "UID=EMAIL",
        default_value = "",
        hide_default_value = true
    )]
    pub submit_users: String,
    /// Repair mail over SMTP whose lines end with CR or LF alone, instead of refusing it
    #[arg(long, env = "POSTERN_SUBMISSION_NORMALIZE", value_parser = BoolishValueParser::new())]
    pub submission_normalize: bool,
}
