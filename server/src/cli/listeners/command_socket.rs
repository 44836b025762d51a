//! The arguments of the command socket, and of the sockets of other programs.

#![allow(
    clippy::doc_markdown,
    reason = "the doc comments are the texts of --help"
)]

use std::path::PathBuf;

use clap::Args;

/// Where programs on this machine send commands, and which programs are notified of saves.
#[derive(Clone, Debug, Args)]
pub struct CommandSocketArgs {
    /// The Unix socket for the commands SEND_TEST_EMAIL*address* and SYSTEM_UPDATED*RESET* of programs on
    /// this machine [default: postern.sock in the data folder]
    #[arg(long, env = "POSTERN_SOCKET", value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Users who may use that socket beside root and the user of postern, by name or id, separated by
    /// commas
    #[arg(
        long,
        env = "POSTERN_SOCKET_USERS",
        value_name = "USERS",
        value_delimiter = ','
    )]
    pub socket_users: Vec<String>,
    /// Unix sockets of other programs, separated by commas: after every save of settings they are sent
    /// SYSTEM_UPDATED*RESET*
    #[arg(
        long,
        env = "POSTERN_NOTIFY_SOCKETS",
        value_name = "PATHS",
        value_delimiter = ','
    )]
    pub notify_sockets: Vec<String>,
}
