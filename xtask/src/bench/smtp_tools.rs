//! Postfix's smtp-source and smtp-sink, and how servers beside Postern are started.

use super::load::MAIL_BYTES;
use crate::{
    guard::ManagedProcess,
    rig::{postern::free_address, until},
    setup::mail_servers,
};
use anyhow::{Result, bail};
use std::{
    net::{SocketAddr, TcpStream},
    process::{Command, Stdio},
    time::Duration,
};

const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A relay that accepts and discards everything.
pub struct SmtpSink {
    pub address: SocketAddr,
    _running: ManagedProcess,
}

impl SmtpSink {
    pub fn start() -> Result<Self> {
        let address = free_address()?;
        let mut sink = mail_servers::program(&mail_servers::folder()?, "/usr/sbin/smtp-sink");
        let place = address.to_string();
        // The last argument is the length of the queue of new connections.
        sink.args(["-4", "-u", "postfix", &place, "200"]);
        Ok(Self {
            address,
            _running: start(&mut sink, address)?,
        })
    }
}

/// Starts a server without its output, and waits until it listens at an address.
pub fn start(server: &mut Command, address: SocketAddr) -> Result<ManagedProcess> {
    let running = ManagedProcess::start(server.stdout(Stdio::null()).stderr(Stdio::null()))?;
    let listening = || TcpStream::connect(address).is_ok();
    if !until(START_TIMEOUT, Duration::from_millis(20), listening) {
        bail!("{} does not listen", crate::console::command_line(server));
    }
    Ok(running)
}

/// Submits mails of the usual size with `smtp-source` over so many sessions, which stay open, and waits
/// until the server has accepted all of them.
pub fn load(server: SocketAddr, sessions: usize, mails: u64) -> Result<()> {
    let mut source = mail_servers::program(&mail_servers::folder()?, "/usr/sbin/smtp-source");
    source
        .args(["-d", "-s", &sessions.to_string(), "-m", &mails.to_string()])
        .args(["-l", &MAIL_BYTES.to_string()])
        .args(["-f", "alerts@example.org", "-t", "someone@example.net"])
        .arg(format!("inet:{server}"));
    crate::run::run(&mut source)
}
