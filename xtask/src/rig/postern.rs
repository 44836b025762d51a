//! A Postern of a chore's own: started, signed in to and set up as its users do it.

use super::{
    http::{Client, expect},
    until,
};
use crate::{
    guard::ManagedProcess,
    run::{answer, shown},
};
use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::json;
use std::{
    env,
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

pub const ADMINISTRATOR: &str = "admin@example.org";
pub const PASSWORD: &str = "correct horse battery";

/// What every application here writes as.
pub const SENDER: &str = "alerts@example.org";

/// How long a start or an end may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a Postern is started: it can be again after it was killed, at the same port.
#[derive(Clone)]
pub struct Plan {
    program: PathBuf,
    pub data: PathBuf,
    /// PostgreSQL; without one, SQLite in the data folder.
    database: Option<String>,
    pub address: SocketAddr,
    /// Of `postern serve`.
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    /// What it says goes here.
    log: PathBuf,
}

/// One that runs. Dropped, it is asked to end.
pub struct Postern {
    running: ManagedProcess,
    pub address: SocketAddr,
    log: PathBuf,
}

impl Plan {
    /// `folder`/`name` becomes the data folder, `folder`/`name`.log the log.
    pub fn new(
        program: &Path,
        folder: &Path,
        name: &str,
        database: Option<String>,
    ) -> Result<Self> {
        Ok(Self {
            program: program.to_owned(),
            data: folder.join(name),
            database,
            address: free_address()?,
            arguments: Vec::new(),
            variables: Vec::new(),
            log: folder.join(format!("{name}.log")),
        })
    }

    pub fn argument(mut self, words: &[&str]) -> Self {
        self.arguments
            .extend(words.iter().map(|word| (*word).to_owned()));
        self
    }

    /// The same with its worker.
    pub fn delivering(mut self) -> Self {
        self.arguments.retain(|word| word != "--no-delivery");
        self
    }

    /// Another node of the same database, with a data folder of its own.
    pub fn sibling(&self, folder: &Path, name: &str) -> Result<Self> {
        let other = Self::new(&self.program, folder, name, self.database.clone())?;
        Ok(Self {
            arguments: self.arguments.clone(),
            variables: self.variables.clone(),
            ..other
        })
    }

    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Comes back when it says where it is.
    pub fn start(&self) -> Result<Postern> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut command = self.command(&["serve"]);
        command
            .args(["--listen", &self.address.to_string()])
            .args(&self.arguments)
            .stdout(Stdio::piped())
            .stderr(log);
        let mut running = ManagedProcess::start(&mut command)?;
        let output = running
            .child()
            .stdout
            .take()
            .context("no standard output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        if !line.contains("http") {
            bail!("postern did not start: {line}{}", end_of(&self.log));
        }
        Ok(Postern {
            running,
            address: self.address,
            log: self.log.clone(),
        })
    }

    /// Makes the administrator, and answers a token of theirs.
    pub fn token(&self) -> Result<String> {
        let mut create = self.command(&["account", "create", ADMINISTRATOR, "--role", "admin"]);
        let mut child = create
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", shown(&create)))?;
        let mut input = child.stdin.take().context("no standard input")?;
        writeln!(input, "{PASSWORD}")?;
        drop(input);
        if !child.wait()?.success() {
            bail!("{} failed", shown(&create));
        }
        let create = [
            "token",
            "create",
            "--account",
            ADMINISTRATOR,
            "--name",
            "xtask",
        ];
        answer(&mut self.command(&create)).context("no token was made")
    }

    /// Nothing of the surroundings may configure it.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(words).arg("--data").arg(&self.data);
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("POSTERN_") {
                command.env_remove(name);
            }
        }
        if let Some(database) = &self.database {
            command.args(["--database", database]);
        }
        command
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env("RUST_LOG", "warn")
            .env("NO_COLOR", "1");
        command
    }
}

impl Postern {
    /// Says where mail goes: to a relay on this machine, without encryption or password.
    pub fn deliver_to(&self, token: &str, relay: SocketAddr) -> Result<()> {
        let settings = json!({ "data": {
            "from_address": SENDER,
            "smtp_username": "",
            "smtp_host": relay.ip().to_string(),
            "smtp_port": relay.port().to_string(),
            "smtp_connection_type": "None",
            "smtp_authentication_type": "None",
        }});
        let mut client = Client::with_token(self.address, token)?;
        let answer = client.post("/api/setup/email_smtp", "", &settings)?;
        expect(answer, 200, "saving the settings").map(|_| ())
    }

    pub fn id(&mut self) -> u32 {
        self.running.child().id()
    }

    /// As a power cut or the kernel's out-of-memory killer ends it.
    pub fn kill(mut self) -> Result<()> {
        self.running.child().kill()?;
        self.running.wait()?;
        Ok(())
    }

    /// As an init system ends it.
    pub fn stop(mut self) -> Result<()> {
        kill(Pid::from_raw(self.id().try_into()?), Signal::SIGTERM)?;
        match self.running.wait_at_most(PATIENCE)? {
            Some(status) if status.success() => Ok(()),
            Some(status) => bail!("postern ended with {status}: {}", end_of(&self.log)),
            None => bail!("postern does not end: {}", end_of(&self.log)),
        }
    }

    /// Comes back when `reached` says so; an error tells what was waited for.
    pub fn wait(&self, what: &str, limit: Duration, reached: impl FnMut() -> bool) -> Result<()> {
        if !until(limit, Duration::from_millis(10), reached) {
            let limit = limit.as_secs();
            bail!("{what}: not within {limit} s\n{}", end_of(&self.log));
        }
        Ok(())
    }
}

/// The last that a log says, for an error.
fn end_of(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// Free when asked; nobody else is looking for one in that moment.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
