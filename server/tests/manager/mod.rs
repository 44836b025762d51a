//! The part of a service manager: it passes sockets to the binary, is notified, and stops it.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Far longer than a start, a stop or an answer takes.
pub const DEADLINE: Duration = Duration::from_secs(90);

/// What passes two sockets as a service manager does: as descriptors 3 and 4, to the process that is named.
const PASS: &str = "exec 3<&0 4<&1 0</dev/null 1>/dev/null; \
                    export LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=http:submission; \
                    exec \"$@\"";

/// The part of a service manager.
pub struct Manager {
    folder: tempfile::TempDir,
    socket: TcpListener,
    pub submission: TcpListener,
    notified: UnixDatagram,
}

/// A process, which is killed where a test fails.
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Manager {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let notified = UnixDatagram::bind(folder.path().join("notify")).expect("a socket");
        notified.set_read_timeout(Some(DEADLINE)).expect("a limit");
        Self {
            socket: TcpListener::bind("127.0.0.1:0").expect("a port"),
            submission: TcpListener::bind("127.0.0.1:0").expect("a port"),
            folder,
            notified,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("an address")
    }

    /// What postern has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Starts postern with further arguments, and waits until it is ready.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let sockets = [&self.socket, &self.submission];
        let [http, submission] = sockets.map(|socket| {
            let passed = socket.try_clone().expect("a descriptor");
            Stdio::from(OwnedFd::from(passed))
        });
        let path = self.path("log");
        let log = File::options().create(true).append(true).open(path);
        let log = log.expect("a file");
        let started = Command::new("sh")
            .args(["-c", PASS, "sh", env!("CARGO_BIN_EXE_postern"), "serve"])
            .args(["--no-health-checks", "--data"])
            .arg(self.path("data"))
            .args(arguments)
            .env("NOTIFY_SOCKET", self.path("notify"))
            .stdin(http)
            .stdout(submission)
            .stderr(Stdio::from(log))
            .spawn()
            .expect("it starts");
        let started = Running(started);
        self.until_notified("READY=1");
        started
    }

    /// Stops postern as a service manager does, and waits for its end.
    pub fn stop(&self, mut running: Running) -> ExitStatus {
        let kill = format!("kill -TERM {}", running.0.id());
        let signalled = Command::new("sh").args(["-c", &kill]).status();
        assert!(signalled.expect("a shell runs").success());
        self.until_notified("STOPPING=1");
        let (ended, end) = mpsc::channel();
        thread::spawn(move || ended.send(running.0.wait()));
        let status = end.recv_timeout(DEADLINE).expect("it ends");
        status.expect("a status")
    }

    fn until_notified(&self, expected: &str) {
        let mut buffer = [0; 1024];
        loop {
            let Ok(length) = self.notified.recv(&mut buffer) else {
                panic!("no {expected}: {}", self.log());
            };
            if buffer[..length].starts_with(expected.as_bytes()) {
                return;
            }
        }
    }
}
