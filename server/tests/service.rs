//! The binary as a service manager runs it: restarted under load, with a certificate, inspected.

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

/// Far longer than a start, a stop or an answer takes.
const DEADLINE: Duration = Duration::from_secs(90);

/// Requests before and after a restart.
const REQUESTS: usize = 200;

const CLIENTS: usize = 4;

/// What passes two sockets as a service manager does: as descriptors 3 and 4, to the process that is named.
const PASS: &str = "exec 3<&0 4<&1 0</dev/null 1>/dev/null; \
                    export LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=http:submission; \
                    exec \"$@\"";

/// The part of a service manager.
struct Manager {
    folder: tempfile::TempDir,
    socket: TcpListener,
    submission: TcpListener,
    notified: UnixDatagram,
}

/// A process, which is killed where a test fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A client that sends one request after the other.
struct LoadClient {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    answered: mpsc::Sender<()>,
}

impl Manager {
    /// The paths of a certificate and its key.
    fn certificate_files(&self, made: &rcgen::CertifiedKey<rcgen::KeyPair>) -> [String; 2] {
        [
            ("cert.pem", made.cert.pem()),
            ("key.pem", made.signing_key.serialize_pem()),
        ]
        .map(|(name, pem)| {
            let path = self.path(name);
            std::fs::write(&path, pem).expect("written");
            path.to_str().expect("text").to_owned()
        })
    }

    fn new() -> Self {
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

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("an address")
    }

    /// Starts postern with further arguments, and waits until it is ready.
    fn start(&self, arguments: &[&str]) -> Running {
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
    fn stop(&self, mut running: Running) -> ExitStatus {
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
                panic!("no {expected}: {}", read(&self.path("log")));
            };
            if buffer[..length].starts_with(expected.as_bytes()) {
                return;
            }
        }
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

impl LoadClient {
    /// Sends requests until the end, on connections that it keeps open as long as it may.
    fn run(&self) -> Result<(), String> {
        let mut kept = None;
        while !self.ended.load(Ordering::Relaxed) {
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => self.connect().map_err(|error| error.to_string())?,
            };
            match request(&mut connection) {
                Ok(true) => kept = Some(connection),
                Ok(false) => {}
                Err(error) => return Err(error.to_string()),
            }
            // Nobody counts any more at the end.
            let _ = self.answered.send(());
        }
        Ok(())
    }

    fn connect(&self) -> std::io::Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        Ok(BufReader::new(stream))
    }
}

/// Sends a request and reads its answer; says whether the connection stays open.
fn request(connection: &mut BufReader<TcpStream>) -> Result<bool, Box<dyn Error>> {
    let request = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    connection.get_mut().write_all(request)?;
    let mut line = String::new();
    connection.read_line(&mut line)?;
    if !line.starts_with("HTTP/1.1 200 ") {
        return Err(format!("refused: {line:?}").into());
    }
    let (mut length, mut is_kept) = (0, true);
    loop {
        line.clear();
        connection.read_line(&mut line)?;
        let header = line.trim_end().to_ascii_lowercase();
        match header.split_once(": ") {
            Some(("content-length", value)) => length = value.parse()?,
            Some(("connection", value)) => is_kept = value != "close",
            Some(_) => {}
            None if header.is_empty() => break,
            None => return Err(format!("not a header: {line:?}").into()),
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body)?;
    Ok(is_kept)
}

#[test]
fn a_restart_under_load_refuses_no_request() {
    let manager = Manager::new();
    let ended = Arc::new(AtomicBool::new(false));
    let (answered, answers) = mpsc::channel();
    let mut running = manager.start(&[]);
    let clients: Vec<JoinHandle<Result<(), String>>> = (0..CLIENTS)
        .map(|_| {
            let client = LoadClient {
                address: manager.address(),
                ended: ended.clone(),
                answered: answered.clone(),
            };
            thread::spawn(move || client.run())
        })
        .collect();
    drop(answered);
    let served = || {
        for _ in 0..REQUESTS {
            let answer = answers.recv_timeout(DEADLINE);
            answer.unwrap_or_else(|_| panic!("no answer: {}", read(&manager.path("log"))));
        }
    };
    for _ in 0..2 {
        served();
        assert!(manager.stop(running).success());
        // What the process before has answered.
        while answers.try_recv().is_ok() {}
        running = manager.start(&[]);
    }
    served();
    ended.store(true, Ordering::Relaxed);
    for client in clients {
        let sent = client.join().expect("no panic");
        assert_eq!(sent, Ok(()), "{}", read(&manager.path("log")));
    }
    assert!(manager.stop(running).success());
}

#[test]
fn the_console_speaks_https_with_a_certificate() {
    let manager = Manager::new();
    let made = self_signed();
    let [certificate, key] = &manager.certificate_files(&made);
    let url = "https://gate.test";
    let arguments = [
        "--tls-cert",
        certificate,
        "--tls-key",
        key,
        "--public-url",
        url,
    ];
    let running = manager.start(&arguments);

    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a root");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("gate.test").expect("a name");
    let client = ClientConnection::new(Arc::new(config), name).expect("a client");
    let stream = TcpStream::connect(manager.address()).expect("connects");
    stream.set_read_timeout(Some(DEADLINE)).expect("a limit");
    let mut stream = StreamOwned::new(client, stream);
    let request = b"GET /healthz HTTP/1.1\r\nHost: gate.test\r\nConnection: close\r\n\r\n";
    stream.write_all(request).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let has_hsts = answer.contains("strict-transport-security: max-age=31536000");
    assert!(has_hsts, "{answer}");

    let mut plain = TcpStream::connect(manager.address()).expect("connects");
    plain.set_read_timeout(Some(DEADLINE)).expect("a limit");
    plain.write_all(request).expect("sent");
    let mut answer = Vec::new();
    // The connection may be reset.
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");
    assert!(manager.stop(running).success());
}

#[test]
fn a_certificate_needs_its_key_and_a_public_url_of_https() {
    let manager = Manager::new();
    let [certificate, key] = &manager.certificate_files(&self_signed());
    for (arguments, expected) in [
        (
            vec!["--tls-cert", certificate],
            "--tls-cert and --tls-key belong together",
        ),
        (
            vec!["--tls-cert", certificate, "--tls-key", "absent.pem"],
            "absent.pem cannot be read",
        ),
        (
            vec![
                "--tls-cert",
                certificate,
                "--tls-key",
                key,
                "--public-url",
                "http://gate.test",
            ],
            "with --tls-cert the public URL begins with https://",
        ),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_postern"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(manager.path("data"))
            .args(&arguments)
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}

/// A certificate of gate.test.
fn self_signed() -> rcgen::CertifiedKey<rcgen::KeyPair> {
    rcgen::generate_simple_self_signed(vec!["gate.test".to_owned()]).expect("a certificate")
}

/// The whole answer to a request, whose connection ends with it.
fn ask(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("connects");
    stream.set_read_timeout(Some(DEADLINE)).expect("a limit");
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    answer
}

#[test]
fn probes_need_no_token() {
    let manager = Manager::new();
    let running = manager.start(&[]);
    let health = ask(manager.address(), "/healthz");
    assert!(health.starts_with("HTTP/1.1 200 "), "{health}");
    let ready = ask(manager.address(), "/readyz");
    assert!(ready.starts_with("HTTP/1.1 200 "), "{ready}");
    let (_, body) = ready.split_once("\r\n\r\n").expect("a body");
    let body: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(body["status"], "ready", "{body}");
    for check in ["database", "keys", "oldest_mail"] {
        assert_eq!(body["checks"][check]["state"], "ok", "{body}");
    }
    assert_ne!(body["checks"]["delivery"]["state"], "failed", "{body}");
    assert!(manager.stop(running).success());
}

#[test]
fn doctor_finds_a_running_process_well() {
    let manager = Manager::new();
    let running = manager.start(&[]);
    let output = Command::new(env!("CARGO_BIN_EXE_postern"))
        .args([
            "doctor",
            "--json",
            "--listen",
            &manager.address().to_string(),
        ])
        .arg("--data")
        .arg(manager.path("data"))
        .output()
        .expect("it runs");
    let found: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(output.status.code(), Some(0), "{found}");
    for (check, expected) in [
        ("HTTP", "postern answers at "),
        ("keys", "1, readable by their owner only"),
        ("database", "reachable, with the tables of this version"),
        ("integrity", "the file of the database is not damaged"),
        ("command socket", "a process listens at "),
    ] {
        let mut findings = found["findings"].as_array().into_iter().flatten();
        let finding = findings.find(|finding| finding["check"] == check);
        let finding = finding.unwrap_or_else(|| panic!("no {check} in {found}"));
        assert_eq!(finding["state"], "ok", "{finding}");
        let text = finding["text"].as_str().unwrap_or_default();
        assert!(text.starts_with(expected), "{text}");
    }
    assert!(manager.stop(running).success());
}

#[test]
fn a_client_of_smtp_waits_while_postern_is_restarted() {
    let manager = Manager::new();
    let greeting = |stream: TcpStream| {
        stream.set_read_timeout(Some(DEADLINE)).expect("a limit");
        let mut line = String::new();
        let read = BufReader::new(stream).read_line(&mut line);
        read.map(|_| line)
    };
    let connect = || {
        let address = manager.submission.local_addr().expect("an address");
        TcpStream::connect(address).expect("it is not refused")
    };
    let running = manager.start(&[]);
    let greeted = greeting(connect()).expect("a greeting");
    assert!(greeted.starts_with("220 "), "{greeted}");
    assert!(manager.stop(running).success());
    let waiting = connect();
    let running = manager.start(&[]);
    let greeted = greeting(waiting).expect("a greeting");
    assert!(greeted.starts_with("220 "), "{greeted}");
    assert!(manager.stop(running).success());
}
