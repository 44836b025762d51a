//! The steps of `cargo xtask test`.

use super::e2e;
use crate::{
    alerts, console,
    rig::{
        postgres::{Durability, Postgres},
        processors,
    },
    run::{cargo, output_of, run},
    setup::{apt, npm, promtool},
    site, workspace,
};
#[cfg(target_os = "linux")]
use crate::{
    crash, moving, powercut,
    rig::{environment::Database, random::Random},
};
use anyhow::Result;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
#[cfg(target_os = "linux")]
use nix::sys::statvfs::{FsFlags, statvfs};
#[cfg(target_os = "linux")]
use std::path::Path;
use std::{env, path::PathBuf, process::Command};

/// The packages that are compiled together. xtask is compiled alone, with the dependencies that
/// `cargo xtask` itself was built with; cargo chooses features for the packages of a call.
const ALL_BUT_XTASK: [&str; 3] = ["--workspace", "--exclude", "xtask"];

/// The feature that sends traces to a collector.
#[cfg(target_os = "linux")]
const WITH_TRACES: [&str; 2] = ["--features", "server/otel"];

/// The tests of what reads SMTP and the messages of the command socket.
#[cfg(target_os = "linux")]
const READERS: [&str; 5] = [
    "submission::protocol::command_tests::",
    "submission::protocol::line::",
    "submission::protocol::data::",
    "submission::protocol::bdat::",
    "command_socket::message::",
];

pub fn format() -> Result<()> {
    run(cargo().args(["fmt", "--all", "--check"]))
}

// The tests use the released assets, so wasm-opt is required.
pub fn site() -> Result<()> {
    npm::require()?;
    site::build().map(|_| ())
}

// What the later steps run is linted while it is compiled for them. The browser's side is linted for
// the host: not every toolchain has clippy for WebAssembly.
pub fn lint() -> Result<()> {
    program()?;
    run(linted()?.args(["test", "--package", "xtask", "--no-run"]))?;
    run(with_site()?
        .args(["clippy", "--package", "app", "--features", "hydrate"])
        .args(["--", "--deny", "warnings"]))
}

/// The tests of xtask, which include the rules of the repository.
pub fn tidy() -> Result<()> {
    run(linted()?.args(["test", "--package", "xtask"]))?;
    let promtool = match promtool::find() {
        None if apt::is_root() => Some(promtool::unpack()?),
        found => found,
    };
    match promtool {
        Some(program) => alerts::check(&program)?,
        None => {
            console::note("Checks of alerts and dashboard skipped: promtool is not installed.");
        }
    }
    check_advisories()
}

/// Runs cargo-deny if it is installed and its advisory database can be fetched.
fn check_advisories() -> Result<()> {
    if output_of(cargo().args(["deny", "--version"])).is_none() {
        console::note("Security advisories skipped: cargo-deny is not installed.");
        return Ok(());
    }
    if run(cargo().args(["deny", "fetch", "db"])).is_err() {
        console::note("Security advisories skipped: the database cannot be fetched.");
        return Ok(());
    }
    run(cargo().args(["deny", "check"]))
}

pub fn unit() -> Result<()> {
    let postgres = Postgres::start(&env::temp_dir(), Durability::Disposable)?;
    let mut tests = linted()?;
    // Stories are not about power cuts, and each of their commits on SQLite syncs its file.
    #[cfg(target_os = "linux")]
    if let Some(folder) = memory_folder() {
        tests.env("TMPDIR", folder);
    }
    tests
        .arg("test")
        .args(ALL_BUT_XTASK)
        // There are no doc tests, and rustdoc would read every crate to find none.
        .args(["--lib", "--bins", "--tests"])
        // Most of the time of a story is spent waiting: for a clock, a disk, another process.
        .env("RUST_TEST_THREADS", (4 * processors()).to_string())
        .env("POSTERN_TEST_POSTGRES", postgres.url());
    // Eight stories have up to a thousand open files, to which most systems limit a process.
    with_most_files(|| run(&mut tests))?
}

/// Does some work while the soft limit of open files is the hard limit, which programs inherit.
fn with_most_files<T>(work: impl FnOnce() -> T) -> Result<T> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    let result = work();
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard)?;
    Ok(result)
}

/// A folder in memory for the files of tests, where the system has one with 2 GiB that programs may be run from.
#[cfg(target_os = "linux")]
fn memory_folder() -> Option<&'static Path> {
    const REQUIRED: u64 = 2 << 30;
    let folder = Path::new("/dev/shm");
    let disk = statvfs(folder).ok()?;
    let unusable = FsFlags::ST_NOEXEC | FsFlags::ST_RDONLY;
    let free = disk.blocks_available() * disk.fragment_size();
    (free >= REQUIRED && !disk.flags().intersects(unusable)).then_some(folder)
}

/// Runs the tests of what reads SMTP and the messages of the command socket, with so many random inputs for
/// each property.
#[cfg(target_os = "linux")]
pub fn readers(inputs: u32, seed: u64) -> Result<()> {
    run(linted()?
        .arg("test")
        .args(ALL_BUT_XTASK)
        .args(["--bins", "--"])
        .args(READERS)
        .env("PROPTEST_CASES", inputs.to_string())
        .env("PROPTEST_RNG_SEED", seed.to_string()))
}

/// Runs the tests of the feature `otel`, which the others are compiled without.
#[cfg(target_os = "linux")]
pub fn traces() -> Result<()> {
    run(linted()?
        .arg("test")
        .args(ALL_BUT_XTASK)
        .args(WITH_TRACES)
        .args(["--bins", "--", "traces::"]))
}

/// Builds the development profile with the feature `otel`, and returns the path of the executable. As in
/// [`program`], a test beside it has cargo use the crates that [`traces`] compiled.
#[cfg(target_os = "linux")]
pub fn program_with_traces() -> Result<PathBuf> {
    run(linted()?
        .arg("build")
        .args(ALL_BUT_XTASK)
        .args(WITH_TRACES)
        .args(["--bin", "postern", "--test", "doctor"]))?;
    Ok(workspace::target().join("debug/postern"))
}

pub fn end_to_end() -> Result<()> {
    // Rebuilds changed assets when this step runs alone; otherwise does nothing.
    site()?;
    program()?;
    e2e::run()
}

/// Five crashes on each database, kills of backups and of moves to PostgreSQL, a rolling restart, and two power
/// cuts where a FUSE file system can be mounted.
#[cfg(target_os = "linux")]
pub fn crash() -> Result<()> {
    let program = program()?;
    let engines = [Database::Sqlite, Database::Postgres];
    crash::crash(program.clone(), 10, &engines, false, Random::seed())?;
    moving::run(program.clone(), Random::seed())?;
    let restarts = crash::RollingRestarts {
        program: &program,
        before: None,
        times: 1,
        rotates_keys: false,
    };
    crash::rolling(&restarts, Random::seed())?;
    match powercut::unavailable() {
        Some(reason) => console::note(&format!("Power cuts skipped: {reason}.")),
        None => powercut::powercut(&program, 2, Random::seed())?,
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub fn crash() -> Result<()> {
    console::note("Crash tests skipped: they need Linux.");
    Ok(())
}

/// Builds the development profile and returns the path of the executable. It is built beside the
/// tests: without their dependencies cargo would compile most crates again, with fewer features.
fn program() -> Result<PathBuf> {
    run(linted()?
        .arg("build")
        .args(ALL_BUT_XTASK)
        .arg("--all-targets"))?;
    Ok(workspace::target().join("debug/postern"))
}

/// Cargo with the assets folder, the same in every step: a different one would rebuild the server.
fn with_site() -> Result<Command> {
    let mut cargo = cargo();
    cargo.env("POSTERN_SITE", site::folder()?);
    Ok(cargo)
}

/// Cargo that compiles the workspace with clippy's compiler, warnings as errors. `cargo clippy`
/// checks every dependency once more beside the build of the tests: 220 s of a cold run.
fn linted() -> Result<Command> {
    let mut cargo = with_site()?;
    // Nothing is compiled a second time there, and the first time takes longer with what the next one would use.
    if env::var_os("CI").is_some() {
        cargo.env("CARGO_INCREMENTAL", "0");
    }
    cargo
        .env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver")
        .env("CLIPPY_ARGS", "--deny__CLIPPY_HACKERY__warnings");
    Ok(cargo)
}
