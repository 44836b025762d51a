//! What the log looks like: for people on a terminal, or JSON. It goes to standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::cli::LogFormat;

/// Starts logging. `RUST_LOG` narrows or widens it. A command that tells what it does itself logs
/// only what is amiss.
pub fn start(format: LogFormat, serving: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        let own = if serving { "info" } else { "warn" };
        EnvFilter::new(format!(
            "{own},sqlx=warn,hickory_resolver=error,hickory_proto=error,hickory_net=error"
        ))
    });
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Who read the log may be gone; to say so on standard error again would be the end.
        .log_internal_errors(false);
    match format {
        LogFormat::Json => log.json().init(),
        LogFormat::Text => log
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .init(),
    }
}
