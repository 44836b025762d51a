//! Logging to standard error, as text or as JSON lines.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::cli::LogFormat;

/// Libraries whose warnings are about names that are not found, or about cookies of any client.
const QUIET: &str = "hickory_resolver=error,hickory_proto=error,hickory_net=error,\
                     tower_sessions=error,tower_sessions_core=error";

/// Starts logging. `RUST_LOG` overrides the level. Commands that print their own results log only
/// warnings and errors.
pub fn start(format: LogFormat, serving: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        let own = if serving { "info" } else { "warn" };
        EnvFilter::new(format!("{own},sqlx=warn,{QUIET}"))
    });
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // The reader of standard error may be gone; reporting that there would panic.
        .log_internal_errors(false);
    match format {
        LogFormat::Json => log.json().init(),
        LogFormat::Text => log
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .init(),
    }
}
