//! A temporary PostgreSQL server on loopback with a free port, which can be stopped and killed.

use super::{postern::free_address, process};
use crate::{
    console,
    guard::{ManagedProcess, TempDir},
    run::{output_of, run},
    setup::{apt, programs},
};
use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr},
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{ChildStderr, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, sleep},
    time::{Duration, Instant},
};

/// Limit for a start after a crash: recovery, and the end of the processes before it.
const RESTART_TIMEOUT: Duration = Duration::from_secs(60);

pub struct Postgres {
    port: u16,
    programs: PathBuf,
    durability: Durability,
    /// It refuses to run as root.
    user: Option<User>,
    deadlocks: Arc<AtomicU64>,
    // Drop order: the server before its data.
    server: Option<ManagedProcess>,
    data: TempDir,
}

/// Whether commits survive a power cut.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Every commit is synced to disk, as in production.
    Synced,
    /// Commits are not synced (`-F`), and survive a kill of Postern.
    Unsynced,
    /// As `Unsynced`, for hundreds of small databases that are used for seconds: none is vacuumed, and none is
    /// restored from the log.
    Disposable,
}

impl Durability {
    /// The arguments of the server.
    const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Synced => &[],
            Self::Unsynced => &["-F"],
            // The launcher of autovacuum visits every database each minute, with a process for each.
            Self::Disposable => &[
                "-F",
                "-c",
                "autovacuum=off",
                "-c",
                "full_page_writes=off",
                "-c",
                "max_wal_size=4GB",
            ],
        }
    }
}

impl Postgres {
    /// Creates a cluster in a temporary folder in `parent` and starts it.
    pub fn start(parent: &Path, durability: Durability) -> Result<Self> {
        let programs = programs::postgresql()?;
        let step = console::step("Start PostgreSQL");
        // Its user cannot enter root's folders.
        let user = if apt::is_root() {
            Some(postgres_user()?)
        } else {
            None
        };
        let data = TempDir::create(parent, "postern-postgres")?;
        if let Some(user) = user {
            chown(&data.0, Some(user.id), Some(user.group))?;
        }
        let mut postgres = Self {
            port: free_address()?.port(),
            programs,
            durability,
            user,
            deadlocks: Arc::default(),
            server: None,
            data,
        };
        run(postgres
            .command("initdb")
            .args([
                "--no-sync",
                "--auth=trust",
                "--username=postgres",
                "--encoding=UTF8",
                "--locale=C",
            ])
            .arg("--pgdata=data")
            .stdout(Stdio::null()))?;
        postgres.server = Some(postgres.serve()?);
        step.done(&format!("port {}", postgres.port));
        Ok(postgres)
    }

    /// A command of PostgreSQL, run by its user in the folder of the data.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir(&self.data.0).env("LC_ALL", "C");
        if let Some(user) = self.user {
            command.uid(user.id).gid(user.group);
        }
        command
    }

    /// Starts the server and waits until it accepts connections.
    fn serve(&self) -> Result<ManagedProcess> {
        let mut server = ManagedProcess::start(
            self.command("postgres")
                .args(["-D", "data", "-h", "127.0.0.1", "-k"])
                .arg(&self.data.0)
                .args(["-p", &self.port.to_string(), "-c", "max_connections=300"])
                .args(self.durability.arguments())
                .stderr(Stdio::piped()),
        )?;
        let log = server
            .child()
            .stderr
            .take()
            .context("postgres has no standard error")?;
        wait_until_ready(log, Arc::clone(&self.deadlocks))?;
        Ok(server)
    }

    /// Sends SIGKILL to the server and to the processes of its connections.
    pub fn kill(&mut self) -> Result<()> {
        let mut server = self.server.take().context("PostgreSQL does not run")?;
        // Each is the leader of a process group of its own.
        let backends = process::children(server.child().id())?;
        server.child().kill()?;
        for backend in backends {
            let _ = kill(Pid::from_raw(backend), Signal::SIGKILL);
        }
        server.wait().map(drop)
    }

    /// Ends all connections and stops the server, as its service manager does.
    pub fn stop(&mut self) -> Result<()> {
        let mut server = self.server.take().context("PostgreSQL does not run")?;
        let id = server.child().id().try_into()?;
        kill(Pid::from_raw(id), Signal::SIGINT)?;
        let ended = server.wait_at_most(RESTART_TIMEOUT)?;
        ended.map(drop).context("PostgreSQL does not stop")
    }

    /// Starts the server again, with its data and its port.
    pub fn start_again(&mut self) -> Result<()> {
        const RETRY_PAUSE: Duration = Duration::from_millis(100);
        let start = Instant::now();
        loop {
            match self.serve() {
                Ok(server) => self.server = Some(server),
                // Killed processes hold their shared memory for a moment.
                Err(_) if start.elapsed() < RESTART_TIMEOUT => {
                    sleep(RETRY_PAUSE);
                    continue;
                }
                Err(error) => return Err(error),
            }
            return Ok(());
        }
    }

    /// Number of deadlocks in the server's log.
    pub fn deadlocks(&self) -> u64 {
        self.deadlocks.load(Ordering::Relaxed)
    }

    /// Where it listens.
    pub fn socket(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    pub fn url(&self) -> String {
        self.address("postgres")
    }

    /// Creates an empty database and returns its URL.
    pub fn database(&self, name: &str) -> Result<String> {
        run(Command::new(self.programs.join("createdb"))
            .args(["-h", "127.0.0.1", "-U", "postgres", "-p"])
            .args([&self.port.to_string(), name]))?;
        Ok(self.address(name))
    }

    fn address(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }
}

/// Waits until the server is ready, then drains its log in a thread.
fn wait_until_ready(log: ChildStderr, deadlocks: Arc<AtomicU64>) -> Result<()> {
    let mut lines = BufReader::new(log).lines();
    let mut log_so_far = String::new();
    loop {
        let Some(line) = lines.next() else {
            bail!("postgres did not start:\n{log_so_far}");
        };
        let line = line?;
        if line.contains("ready to accept connections") {
            break;
        }
        log_so_far.push_str(&line);
        log_so_far.push('\n');
    }
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if line.contains("deadlock detected") {
                deadlocks.fetch_add(1, Ordering::Relaxed);
            }
            // Not errors: tests provoke them on purpose.
            if line.contains("PANIC") {
                let _ = writeln!(std::io::stderr(), "    postgres: {line}");
            }
        }
    });
    Ok(())
}

#[derive(Clone, Copy)]
struct User {
    id: u32,
    group: u32,
}

fn postgres_user() -> Result<User> {
    let number = |flag: &str| {
        output_of(Command::new("id").args([flag, "postgres"]))
            .and_then(|text| text.parse().ok())
            .context("there is no user postgres to run PostgreSQL as")
    };
    Ok(User {
        id: number("-u")?,
        group: number("-g")?,
    })
}
