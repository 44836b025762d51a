//! The binary while PostgreSQL is away: its start, and what `/readyz` says later.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpSocket;
use tokio::runtime::{Builder, Runtime};
use url::Url;

use self::http::ask;

mod http;

/// Far longer than a start, a stop or an answer takes.
const DEADLINE: Duration = Duration::from_secs(90);

/// The version 3.0 of the protocol, in the startup message.
const PROTOCOL: i32 = 196_608;

/// An address that refuses connections until a server listens there.
struct ClosedPort {
    socket: TcpSocket,
    runtime: Runtime,
}

/// A proxy in front of the server, which is switched off and on.
struct Proxy {
    server: Url,
    /// The connections that it has passed on; `None` while it is off.
    passed: Mutex<Option<Vec<TcpStream>>>,
}

/// A service, and the socket of its manager. It is killed where a test fails.
struct Service {
    process: Child,
    folder: tempfile::TempDir,
    notified: UnixDatagram,
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl ClosedPort {
    fn reserve() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        socket.bind(address).expect("a port");
        let runtime = Builder::new_current_thread().enable_io().build();
        Self {
            socket,
            runtime: runtime.expect("a runtime"),
        }
    }

    /// The URL of a database there.
    fn url(&self, user: &str, database: &str) -> String {
        let address = self.socket.local_addr().expect("an address");
        format!("postgres://{user}@{address}/{database}?sslmode=disable")
    }

    /// Listens, and serves each connection by its number in a thread of its own.
    fn serve(self, answer: impl Fn(usize, TcpStream) -> io::Result<()> + Send + Clone + 'static) {
        let listener: TcpListener = {
            let _entered = self.runtime.enter();
            let listening = self.socket.listen(64).expect("it listens");
            listening.into_std().expect("a socket")
        };
        listener.set_nonblocking(false).expect("a mode");
        thread::spawn(move || {
            for (number, client) in listener.incoming().flatten().enumerate() {
                let answer = answer.clone();
                // The service may be gone.
                thread::spawn(move || answer(number, client).ok());
            }
        });
    }
}

impl Proxy {
    fn new(server: Url) -> Self {
        Self {
            server,
            passed: Mutex::new(Some(Vec::new())),
        }
    }

    /// Passes a connection on, or ends it where the proxy is off.
    fn pass_on(&self, client: TcpStream) -> io::Result<()> {
        let mut passed = self.passed.lock();
        let Some(connections) = passed.as_mut() else {
            return Ok(());
        };
        connections.push(client.try_clone()?);
        drop(passed);
        pass_on(client, &self.server)
    }

    /// Ends every connection, and passes no more on.
    fn switch_off(&self) {
        let passed = self.passed.lock().take();
        for connection in passed.into_iter().flatten() {
            // It may have ended.
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    fn switch_on(&self) {
        *self.passed.lock() = Some(Vec::new());
    }
}

impl Service {
    /// Starts `postern serve` or `postern deliver`.
    fn start(command: &str, database: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("notify");
        let notified = UnixDatagram::bind(&socket).expect("a socket");
        notified.set_read_timeout(Some(DEADLINE)).expect("a limit");
        let [log, printed] = ["log", "printed"].map(|name| {
            let file = File::create(folder.path().join(name));
            Stdio::from(file.expect("a file"))
        });
        let listen: &[&str] = match command {
            "serve" => &["--listen", "127.0.0.1:0"],
            _ => &[],
        };
        let data = folder.path().join("data");
        std::fs::create_dir(&data).expect("a folder");
        let process = Command::new(env!("CARGO_BIN_EXE_postern"))
            .args([command, "--no-health-checks", "--database", database])
            .args(listen)
            .arg("--data")
            .arg(data)
            .env("NOTIFY_SOCKET", socket)
            .stdout(printed)
            .stderr(log)
            .spawn()
            .expect("it starts");
        Self {
            process,
            folder,
            notified,
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Where `postern serve` listens, by the URL that it has printed.
    fn address(&self) -> SocketAddr {
        let printed = std::fs::read_to_string(self.folder.path().join("printed"));
        let printed = printed.expect("text");
        let mut words = printed.split_whitespace();
        let url = words.find_map(|word| Url::parse(word).ok());
        let url = url.unwrap_or_else(|| panic!("no URL in {printed:?}"));
        SocketAddr::from(([127, 0, 0, 1], url.port().expect("a port")))
    }

    /// Asks `/readyz` until it answers with this status, and returns the document.
    fn until_readiness(&self, expected: u16) -> Value {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let answer = ask(self.address(), "/readyz");
            let (head, body) = answer.split_once("\r\n\r\n").expect("a body");
            if head.starts_with(&format!("HTTP/1.1 {expected} ")) {
                return serde_json::from_str(body).expect("JSON");
            }
            let is_late = Instant::now() >= deadline;
            assert!(!is_late, "not {expected} but {answer}: {}", self.log());
        }
    }

    /// Waits for a notification with this text, and returns those until then.
    fn until_notified(&self, expected: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut buffer = [0; 1024];
        loop {
            let Ok(length) = self.notified.recv(&mut buffer) else {
                panic!("no {expected} after {found:?}: {}", self.log());
            };
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let is_expected = text.contains(expected);
            found.push(text);
            if is_expected {
                return found;
            }
        }
    }

    /// Sends SIGTERM.
    fn terminate(&self) {
        let kill = format!("kill -TERM {}", self.process.id());
        let signalled = Command::new("sh").args(["-c", &kill]).status();
        assert!(signalled.expect("a shell runs").success());
    }

    /// Waits for the end, and returns the status with the log.
    fn end(mut self) -> (ExitStatus, String) {
        let (ended, end) = mpsc::channel();
        thread::spawn(move || {
            let status = self.process.wait();
            // The test may have failed already.
            let _ = ended.send((status, self.log()));
        });
        let (status, log) = end.recv_timeout(DEADLINE).expect("it ends");
        (status.expect("a status"), log)
    }
}

/// The server at `POSTERN_TEST_POSTGRES`, which `cargo xtask test` starts.
fn server() -> Url {
    let server = std::env::var("POSTERN_TEST_POSTGRES");
    let server = server.expect("POSTERN_TEST_POSTGRES: the URL of a PostgreSQL server");
    Url::parse(&server).expect("a URL")
}

fn connect(server: &Url) -> io::Result<TcpStream> {
    let host = server.host_str().expect("a host");
    TcpStream::connect((host, server.port().unwrap_or(5432)))
}

/// A message with its length, as PostgreSQL counts it.
fn message(kind: &[u8], body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(body.len() + 4).expect("a length");
    [kind, &length.to_be_bytes(), body].concat()
}

/// Reads the length of a message and the rest of it.
fn body(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(i32::from_be_bytes(length)).map_err(io::Error::other)?;
    let mut body = vec![0; length.saturating_sub(4)];
    stream.read_exact(&mut body)?;
    Ok(body)
}

/// Reads until the server is ready for a query, which it is after an answer without an error.
fn until_ready(stream: &mut TcpStream) {
    let mut kind = [0];
    while kind != *b"Z" {
        stream.read_exact(&mut kind).expect("a message");
        let body = body(stream).expect("a message");
        assert_ne!(kind, *b"E", "{}", String::from_utf8_lossy(&body));
    }
}

/// A name of lower-case letters and digits.
fn random_name() -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let name = folder.path().file_name().unwrap_or_default();
    let name = name.to_string_lossy().to_lowercase();
    name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "")
}

/// Creates an empty database, whose name is returned, on a server that trusts this machine.
fn create_database(server: &Url) -> String {
    let name = format!("start_{}_{}", std::process::id(), random_name());
    let mut stream = connect(server).expect("PostgreSQL answers");
    stream.set_read_timeout(Some(DEADLINE)).expect("a limit");
    let parameters = format!("user\0{}\0database\0postgres\0\0", server.username());
    let startup = [&PROTOCOL.to_be_bytes()[..], parameters.as_bytes()].concat();
    stream.write_all(&message(b"", &startup)).expect("sent");
    until_ready(&mut stream);
    let query = format!("CREATE DATABASE {name}\0");
    let query = message(b"Q", query.as_bytes());
    stream.write_all(&query).expect("sent");
    until_ready(&mut stream);
    name
}

/// Refuses a connection, as PostgreSQL does.
fn refuse(mut client: TcpStream, code: &str, text: &str) -> io::Result<()> {
    body(&mut client)?;
    let fields = format!("SFATAL\0VFATAL\0C{code}\0M{text}\0\0");
    client.write_all(&message(b"E", fields.as_bytes()))
}

/// Passes a connection on to the server.
fn pass_on(client: TcpStream, server: &Url) -> io::Result<()> {
    let to = connect(server)?;
    let (mut asks, mut answers) = (client.try_clone()?, to.try_clone()?);
    let mut asked = to.try_clone()?;
    thread::spawn(move || {
        // Either side may end it.
        let _ = io::copy(&mut asks, &mut asked);
        let _ = asked.shutdown(Shutdown::Both);
    });
    let mut client = client;
    let copied = io::copy(&mut answers, &mut client);
    client.shutdown(Shutdown::Both)?;
    copied.map(drop)
}

/// As after a power cut: the machine of the database comes back later, and recovers first.
#[test]
fn a_service_waits_for_a_database_that_is_started_later() {
    for command in ["serve", "deliver"] {
        let server = server();
        let (port, name) = (ClosedPort::reserve(), create_database(&server));
        let service = Service::start(command, &port.url(server.username(), &name));
        for _ in 0..2 {
            let waiting = service.until_notified("STATUS=Waiting for PostgreSQL: ");
            let [waiting] = &waiting[..] else {
                panic!("{waiting:?}");
            };
            assert!(waiting.contains("EXTEND_TIMEOUT_USEC="), "{waiting}");
            assert!(waiting.contains("PostgreSQL at 127.0.0.1:"), "{waiting}");
        }
        port.serve(move |number, client| match number {
            0 => refuse(client, "57P03", "the database system is starting up"),
            _ => pass_on(client, &server),
        });
        let waiting = service.until_notified("READY=1");
        let starts = |text: &String| text.contains("the database system is starting up");
        assert!(waiting.iter().any(starts), "{waiting:?}");
        service.terminate();
        let (status, log) = service.end();
        assert!(status.success(), "{log}");
        for line in ["waiting for PostgreSQL: ", "PostgreSQL is there"] {
            assert_eq!(log.matches(line).count(), 1, "{line} in {log}");
        }
    }
}

#[test]
fn readiness_follows_the_database() {
    let server = server();
    let (port, name) = (ClosedPort::reserve(), create_database(&server));
    let url = port.url(server.username(), &name);
    let proxy = Arc::new(Proxy::new(server));
    let passing = proxy.clone();
    port.serve(move |_, client| passing.pass_on(client));
    let service = Service::start("serve", &url);
    service.until_notified("READY=1");
    service.until_readiness(200);

    proxy.switch_off();
    let document = service.until_readiness(503);
    assert_eq!(document["status"], "not_ready", "{document}");
    for (check, expected) in [
        ("database", "failed"),
        ("keys", "unknown"),
        ("oldest_mail", "unknown"),
    ] {
        let state = &document["checks"][check]["state"];
        assert_eq!(state, expected, "{document}");
    }
    let health = ask(service.address(), "/healthz");
    assert!(health.starts_with("HTTP/1.1 200 "), "{health}");

    proxy.switch_on();
    let document = service.until_readiness(200);
    assert_eq!(document["status"], "ready", "{document}");
    for check in ["database", "keys", "oldest_mail"] {
        let state = &document["checks"][check]["state"];
        assert_eq!(state, "ok", "{document}");
    }
    service.terminate();
    let (status, log) = service.end();
    assert!(status.success(), "{log}");
}

#[test]
fn a_signal_ends_the_wait() {
    let port = ClosedPort::reserve();
    let service = Service::start("serve", &port.url("postgres", "postern"));
    service.until_notified("STATUS=Waiting for PostgreSQL: ");
    service.terminate();
    service.until_notified("STOPPING=1");
    let (status, log) = service.end();
    assert!(status.success(), "{log}");
}

#[test]
fn a_database_that_needs_a_person_is_not_waited_for() {
    for (code, text) in [
        (
            "28P01",
            "password authentication failed for user \"postern\"",
        ),
        ("3D000", "database \"postern\" does not exist"),
    ] {
        let port = ClosedPort::reserve();
        let url = port.url("postern", "postern");
        port.serve(move |_, client| refuse(client, code, text));
        let (status, log) = Service::start("serve", &url).end();
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.contains(text) && !log.contains("waiting"), "{log}");
    }
}

#[test]
fn a_command_does_not_wait_for_the_database() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = ClosedPort::reserve();
    let url = port.url("postgres", "postern");
    let output = Command::new(env!("CARGO_BIN_EXE_postern"))
        .args(["account", "list", "--database", &url, "--data"])
        .arg(folder.path())
        .output()
        .expect("it runs");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("PostgreSQL at 127.0.0.1:"), "{errors}");
}
