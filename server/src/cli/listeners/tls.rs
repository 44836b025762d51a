//! The arguments of the certificate of the console.

#![allow(
    clippy::doc_markdown,
    reason = "the doc comments are the texts of --help"
)]

use std::path::PathBuf;

use clap::Args;

/// The certificate of the console and the REST API, and by default of SMTP.
#[derive(Clone, Debug, Default, Args)]
pub struct TlsArgs {
    /// A PEM file with the certificate of this server, and the chain behind it: --listen then speaks TLS,
    /// with HTTP/2 and HTTP/1.1, and no unencrypted HTTP; a renewed one is used within a second [default:
    /// HTTP without TLS]
    #[arg(long, env = "POSTERN_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// A PEM file with its key
    #[arg(long, env = "POSTERN_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
}
