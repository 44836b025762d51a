//! Postfix's smtp-source and smtp-sink, and how servers beside Postern are started.

use crate::{
    bench::system::load::MAIL_BYTES,
    guard::ManagedProcess,
    rig::{postern::free_address, until},
    setup::mail_servers,
};
use anyhow::{Context, Result, bail};
use std::{
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpStream},
    process::{ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A relay that accepts, counts and discards everything.
pub struct SmtpSink {
    pub address: SocketAddr,
    received: Arc<AtomicU64>,
    _running: ManagedProcess,
}

impl SmtpSink {
    pub fn start() -> Result<Self> {
        let address = free_address()?;
        let mut sink = mail_servers::program(&mail_servers::folder()?, "/usr/sbin/smtp-sink");
        let place = address.to_string();
        // With -c it prints its counters. The last argument is the length of the queue of new connections.
        sink.args(["-4", "-c", "-u", "postfix", &place, "200"])
            .stdout(Stdio::piped());
        let mut running = start_with_output(&mut sink, address)?;
        let output = running.child().stdout.take();
        let output = output.context("no standard output")?;
        let received = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&received);
        thread::spawn(move || follow(output, &counter));
        Ok(Self {
            address,
            received,
            _running: running,
        })
    }

    /// Mails that it accepted.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

/// Reads the counters that smtp-sink prints with each mail, until it ends.
fn follow(output: ChildStdout, received: &AtomicU64) {
    let lines = BufReader::new(output).split(b'\r');
    for line in lines.map_while(Result::ok) {
        if let Some(mails) = mails_in(&line) {
            received.store(mails, Ordering::Relaxed);
        }
    }
}

/// The number of mails in `sess=1 quit=1 mesg=12`.
fn mails_in(counters: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(counters).ok()?;
    let (_, mails) = text.rsplit_once("mesg=")?;
    mails.parse().ok()
}

/// Starts a server without its output, and waits until it listens at an address.
pub fn start(server: &mut Command, address: SocketAddr) -> Result<ManagedProcess> {
    start_with_output(server.stdout(Stdio::null()), address)
}

/// As [`start`], with the standard output that the command has.
fn start_with_output(server: &mut Command, address: SocketAddr) -> Result<ManagedProcess> {
    let running = ManagedProcess::start(server.stderr(Stdio::null()))?;
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

#[test]
fn mails_are_read_from_the_counters_of_smtp_sink() {
    assert_eq!(mails_in(b"sess=3 quit=2 mesg=1204"), Some(1204));
    assert_eq!(mails_in(b"sess=3 quit=2"), None);
}
