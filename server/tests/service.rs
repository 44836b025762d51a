//! The binary as a service manager runs it: restarted under load, probed, inspected.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use serde_json::Value;

use self::http::ask;
use self::manager::{DEADLINE, Manager};

mod http;
mod manager;

/// Requests before and after a restart.
const REQUESTS: usize = 200;

const CLIENTS: usize = 4;

/// A client that sends one request after the other.
struct LoadClient {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    answered: mpsc::Sender<()>,
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
            answer.unwrap_or_else(|_| panic!("no answer: {}", manager.log()));
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
        assert_eq!(sent, Ok(()), "{}", manager.log());
    }
    assert!(manager.stop(running).success());
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
