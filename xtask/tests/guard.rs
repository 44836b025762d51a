//! Tests of the guard process that cleans up after xtask.

use std::{
    env, fs,
    io::Write,
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{self, Command, Stdio},
};

/// Numbers of SIGINT and SIGTERM.
const INTERRUPTED: i32 = 2;
const TERMINATED: i32 = 15;

#[test]
fn a_closed_pipe_stops_running_processes() {
    let folder = env::temp_dir().join(format!("postern-guard-{}", process::id()));
    fs::create_dir(&folder).expect("a temporary folder");
    let mut forgotten = sleeper();
    let mut finished = sleeper();

    let mut guard = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("guard")
        .stdin(Stdio::piped())
        .spawn()
        .expect("the guard starts");
    let mut pipe = guard.stdin.take().expect("a pipe");
    writeln!(pipe, "made {}", folder.display()).expect("write to the guard");
    for child in [&forgotten, &finished] {
        writeln!(pipe, "start {}", child.id()).expect("write to the guard");
    }
    writeln!(pipe, "end {}", finished.id()).expect("write to the guard");
    drop(pipe);

    let status = forgotten.wait().expect("it ends");
    assert!(
        matches!(status.signal(), Some(INTERRUPTED | TERMINATED)),
        "interrupted or terminated, not killed: {status}"
    );
    assert!(guard.wait().expect("the guard ends").success());
    assert!(!folder.exists());
    assert!(
        matches!(finished.try_wait(), Ok(None)),
        "a process that was reported as ended is not stopped"
    );
    finished.kill().expect("kill");
    finished.wait().expect("it ends");
}

fn sleeper() -> process::Child {
    let mut sleep = Command::new("sleep");
    sleep
        .arg("600")
        .process_group(0)
        .spawn()
        .expect("sleep starts")
}
