//! A temporary PostgreSQL server on loopback with a free port.

use super::postern::free_address;
use crate::{
    console,
    guard::{ManagedProcess, TempDir},
    run::{output_of, run},
    setup::{apt, programs},
};
use anyhow::{Context, Result, bail};
use std::{
    io::{BufRead, BufReader, Write},
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{ChildStderr, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

pub struct Postgres {
    port: u16,
    programs: PathBuf,
    deadlocks: Arc<AtomicU64>,
    // Drop order: the server before its data.
    _server: ManagedProcess,
    _data: TempDir,
}

/// Whether commits survive a power cut.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Every commit is synced to disk, as in production.
    Synced,
    /// Commits are not synced (`-F`). Killing Postern does not affect the server.
    Unsynced,
}

impl Postgres {
    /// Creates a cluster in a temporary folder in `parent` and starts it.
    pub fn start(parent: &Path, durability: Durability) -> Result<Self> {
        let programs = programs::postgresql()?;
        let step = console::step("Start PostgreSQL");
        // It refuses to run as root, and its user cannot enter root's folders.
        let user = if apt::is_root() {
            Some(postgres_user()?)
        } else {
            None
        };
        let data = TempDir::create(parent, "postern-postgres")?;
        if let Some(user) = user {
            chown(&data.0, Some(user.id), Some(user.group))?;
        }
        let program = |name: &str| {
            let mut command = Command::new(programs.join(name));
            command.current_dir(&data.0).env("LC_ALL", "C");
            if let Some(user) = user {
                command.uid(user.id).gid(user.group);
            }
            command
        };
        run(program("initdb")
            .args([
                "--no-sync",
                "--auth=trust",
                "--username=postgres",
                "--encoding=UTF8",
                "--locale=C",
            ])
            .arg("--pgdata=data")
            .stdout(Stdio::null()))?;

        let port = free_address()?.port();
        let mut server = ManagedProcess::start(
            program("postgres")
                .args(["-D", "data", "-h", "127.0.0.1", "-k"])
                .arg(&data.0)
                .args(["-p", &port.to_string(), "-c", "max_connections=300"])
                .args((durability == Durability::Unsynced).then_some("-F"))
                .stderr(Stdio::piped()),
        )?;
        let log = server
            .child()
            .stderr
            .take()
            .context("postgres has no standard error")?;
        let deadlocks = Arc::default();
        wait_until_ready(log, Arc::clone(&deadlocks))?;
        step.done(&format!("port {port}"));
        Ok(Self {
            port,
            programs,
            deadlocks,
            _server: server,
            _data: data,
        })
    }

    /// Number of deadlocks in the server's log.
    pub fn deadlocks(&self) -> u64 {
        self.deadlocks.load(Ordering::Relaxed)
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
