//! What a chore started ends with the chore: seen from the watcher's side.

use std::{
    env, fs,
    io::Write,
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{self, Command, Stdio},
};

#[test]
fn a_closed_pipe_stops_what_still_runs() {
    let folder = env::temp_dir().join(format!("postern-guard-{}", process::id()));
    fs::create_dir(&folder).expect("a folder of our own");
    let mut forgotten = sleeper();
    let mut finished = sleeper();

    let mut guard = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("guard")
        .stdin(Stdio::piped())
        .spawn()
        .expect("the guard starts");
    let mut pipe = guard.stdin.take().expect("the guard listens");
    writeln!(pipe, "made {}", folder.display()).expect("told");
    for child in [&forgotten, &finished] {
        writeln!(pipe, "start {}", child.id()).expect("told");
    }
    writeln!(pipe, "end {}", finished.id()).expect("told");
    drop(pipe);

    const INTERRUPTED: i32 = 2;
    const TERMINATED: i32 = 15;
    let status = forgotten.wait().expect("it ends");
    assert!(
        matches!(status.signal(), Some(INTERRUPTED | TERMINATED)),
        "asked to end, not killed: {status}"
    );
    assert!(guard.wait().expect("the guard ends").success());
    assert!(!folder.exists());
    assert!(
        matches!(finished.try_wait(), Ok(None)),
        "only what still runs is stopped"
    );
    finished.kill().expect("stopped by us");
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
