//! A Postern process: configured, started, stopped and killed.

use super::{
    http::{Client, expect},
    until,
};
use crate::{console::command_line, guard::ManagedProcess, run::output_of};
use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};
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

/// The From address of all test mail.
pub const SENDER: &str = "alerts@example.org";

/// Limit for a shutdown on a busy machine.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(60);

/// How a Postern is started. It can be started again at the same port after it was killed.
#[derive(Clone)]
pub struct Plan {
    program: PathBuf,
    pub data: PathBuf,
    /// The URL of a PostgreSQL database; `None` for SQLite in the data folder.
    database: Option<String>,
    pub address: SocketAddr,
    /// Where it accepts mail over SMTP; `None` where it does not.
    pub submission: Option<SocketAddr>,
    /// Further arguments of `postern serve`.
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    /// Receives standard error.
    log: PathBuf,
}

/// A running Postern. It is stopped on drop.
pub struct Postern {
    running: ManagedProcess,
    pub address: SocketAddr,
    log: PathBuf,
}

impl Plan {
    /// Uses `folder/name` as data folder and `folder/name.log` as log.
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
            submission: None,
            arguments: Vec::new(),
            variables: Vec::new(),
            log: folder.join(format!("{name}.log")),
        })
    }

    /// The name of its data folder.
    pub fn name(&self) -> String {
        let name = self.data.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    pub fn argument(mut self, words: &[&str]) -> Self {
        self.arguments
            .extend(words.iter().map(|word| (*word).to_owned()));
        self
    }

    /// Removes `--no-delivery`.
    pub fn delivering(mut self) -> Self {
        self.arguments.retain(|word| word != "--no-delivery");
        self
    }

    /// Accepts mail over SMTP too, at a free port.
    pub fn accepting_smtp(self) -> Result<Self> {
        Ok(Self {
            submission: Some(free_address()?),
            ..self
        })
    }

    /// A second node on the same database, with a data folder of its own.
    pub fn sibling(&self, folder: &Path, name: &str) -> Result<Self> {
        let other = Self::new(&self.program, folder, name, self.database.clone())?;
        let submission = self.submission.map(|_| free_address());
        Ok(Self {
            submission: submission.transpose()?,
            arguments: self.arguments.clone(),
            variables: self.variables.clone(),
            ..other
        })
    }

    /// Starts and calls another program, from the next start on.
    pub fn of_program(self, program: &Path) -> Self {
        Self {
            program: program.to_owned(),
            ..self
        }
    }

    /// On a PostgreSQL database.
    pub fn on(self, database: String) -> Self {
        Self {
            database: Some(database),
            ..self
        }
    }

    /// Reaches PostgreSQL through a proxy.
    pub fn database_through(mut self, proxy: SocketAddr) -> Self {
        self.database = self.database.map(|database| {
            let server = database.split_once('@').map(|(_, server)| server);
            let name = server.and_then(|server| server.split_once('/'));
            let name = name.map(|(_, name)| name).unwrap_or_default();
            format!("postgres://postgres@{proxy}/{name}")
        });
        self
    }

    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts `postern serve` and waits for the line with its URL.
    pub fn start(&self) -> Result<Postern> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut command = self.command(&["serve"]);
        if let Some(address) = self.submission {
            command.args(["--submission", &address.to_string()]);
        }
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
            bail!("postern did not start: {line}{}", log_tail(&self.log));
        }
        Ok(Postern {
            running,
            address: self.address,
            log: self.log.clone(),
        })
    }

    /// Creates the administrator and returns an API token of that account.
    pub fn token(&self) -> Result<String> {
        self.account(ADMINISTRATOR, "admin")
    }

    /// Creates an account with a role, `admin` or `user`, and returns an API token of it: an administrator's
    /// sends from any address, a user's also from [`SENDER`].
    pub fn account(&self, email: &str, role: &str) -> Result<String> {
        let mut create = self.command(&["account", "create", email, "--role", role]);
        let mut child = create
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", command_line(&create)))?;
        let mut input = child.stdin.take().context("no standard input")?;
        writeln!(input, "{PASSWORD}")?;
        drop(input);
        if !child.wait()?.success() {
            bail!("{} failed", command_line(&create));
        }
        let mut create = vec!["token", "create", "--account", email, "--name", "xtask"];
        if role == "admin" {
            create.push("--any-sender");
        } else {
            let allow = ["account", "senders", "add", email, SENDER];
            output_of(&mut self.command(&allow)).context("postern account senders add failed")?;
        }
        output_of(&mut self.command(&create)).context("postern token create failed")
    }

    /// A command on the data. Variables of the surrounding shell must not configure it.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(words).arg("--data").arg(&self.data);
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("POSTERN_") || text.starts_with("OTEL_") {
                command.env_remove(&name);
            }
        }
        if let Some(database) = &self.database {
            command.args(["--database", database]);
        }
        command
            // The rig counts connections to its relays.
            .env("POSTERN_NO_HEALTH_CHECKS", "1")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env("RUST_LOG", "warn")
            .env("NO_COLOR", "1");
        command
    }
}

impl Postern {
    /// Saves settings for a relay on this machine, without encryption or password.
    pub fn deliver_to(&self, token: &str, relay: SocketAddr) -> Result<()> {
        let mut client = Client::with_token(self.address, token)?;
        let answer = client.post("/api/setup/email_smtp", "", &settings(relay))?;
        expect(answer, 200, "saving the settings").map(|_| ())
    }

    /// Adds a relay with these fields and with settings as [`Postern::deliver_to`] saves them.
    pub fn add_relay(&self, token: &str, fields: &Value, relay: SocketAddr) -> Result<()> {
        let mut client = Client::with_token(self.address, token)?;
        let added = client.post("/api/relays", "", &json!({ "data": fields }))?;
        let added = expect(added, 200, "adding a relay")?.json()?;
        let id = added["data"]["id"].as_str().context("a relay without id")?;
        let path = format!("/api/relays/{id}/email_smtp");
        let answer = client.post(&path, "", &settings(relay))?;
        expect(answer, 200, "saving the settings of a relay").map(|_| ())
    }

    /// The lines of the log that report a panic.
    pub fn panics(&self) -> Result<Vec<String>> {
        let text = fs::read_to_string(&self.log)?;
        let panics = text.lines().filter(|line| line.contains("panicked"));
        Ok(panics.map(str::to_owned).collect())
    }

    pub fn id(&mut self) -> u32 {
        self.running.child().id()
    }

    /// Sends SIGKILL, as the kernel's out-of-memory killer does.
    pub fn kill(mut self) -> Result<()> {
        self.running.child().kill()?;
        self.running.wait()?;
        Ok(())
    }

    /// Sends SIGSTOP: the process does nothing until [`Postern::resume`], and does not learn of it.
    pub fn suspend(&mut self) -> Result<()> {
        Ok(kill(Pid::from_raw(self.id().try_into()?), Signal::SIGSTOP)?)
    }

    /// Sends SIGCONT.
    pub fn resume(&mut self) -> Result<()> {
        Ok(kill(Pid::from_raw(self.id().try_into()?), Signal::SIGCONT)?)
    }

    /// Sends SIGTERM, as an init system does, and waits for the process to end.
    pub fn stop(mut self) -> Result<()> {
        kill(Pid::from_raw(self.id().try_into()?), Signal::SIGTERM)?;
        match self.running.wait_at_most(SHUTDOWN_TIMEOUT)? {
            Some(status) if status.success() => Ok(()),
            Some(status) => bail!("postern ended with {status}: {}", log_tail(&self.log)),
            None => bail!("postern does not stop: {}", log_tail(&self.log)),
        }
    }

    /// Polls `reached`; the error names `what` and shows the end of the log.
    pub fn wait(&self, what: &str, limit: Duration, reached: impl FnMut() -> bool) -> Result<()> {
        if !until(limit, Duration::from_millis(10), reached) {
            let limit = limit.as_secs();
            bail!("{what}: not within {limit} s\n{}", log_tail(&self.log));
        }
        Ok(())
    }
}

/// Signs the administrator in and returns the `Cookie` header.
pub fn sign_in(host: SocketAddr) -> Result<String> {
    let form = format!(
        "email={}&password={}",
        ADMINISTRATOR.replace('@', "%40"),
        PASSWORD.replace(' ', "+")
    );
    let headers =
        "Content-Type: application/x-www-form-urlencoded\r\nSec-Fetch-Site: same-origin\r\n";
    let answer = Client::connect(host, "")?.ask("POST", "/login", headers, form.as_bytes())?;
    let answer = expect(answer, 303, "signing in")?;
    let mut cookies = answer.headers("set-cookie");
    let session = cookies.find(|cookie| cookie.starts_with("postern="));
    let session = session.context("no session cookie")?;
    let pair = session.split(';').next().unwrap_or_default();
    Ok(format!("Cookie: {pair}\r\n"))
}

/// Settings for a relay on this machine, without encryption or password.
fn settings(relay: SocketAddr) -> Value {
    json!({ "data": {
        "from_address": SENDER,
        "smtp_username": "",
        "smtp_host": relay.ip().to_string(),
        "smtp_port": relay.port().to_string(),
        "smtp_connection_type": "None",
        "smtp_authentication_type": "None",
    }})
}

/// The last 20 lines of a log, for an error message.
fn log_tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// A loopback address whose port was free a moment ago.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
