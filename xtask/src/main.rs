//! The project's own chores: `cargo xtask serve | test | build | bench | crash`.

#[cfg(target_os = "linux")]
mod bench;
mod build;
mod console;
#[cfg(target_os = "linux")]
mod crash;
mod guard;
#[cfg(target_os = "linux")]
mod powercut;
mod rig;
mod run;
mod serve;
mod setup;
mod site;
mod test;
mod workspace;

use std::{env, process::ExitCode};

const HELP: &str = "\
The chores of Postern. Each does its own set-up.

Usage: cargo xtask <CHORE>

Chores:
  build    make target/release/postern, one file that holds everything
  serve    build, then run it on 127.0.0.1:3000 with its data in ./data;
           further arguments go to `postern serve`
  test     run everything a change must pass; `cargo xtask test --help` names the steps
  bench    measure the finished program; `cargo xtask bench --help` names the figures
  crash    kill it again and again, and see that no mail is lost; `cargo xtask crash --help`
  powercut cut the power of its disk, and see the same; `cargo xtask powercut --help`
  help     print this
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (chore, rest) = match arguments.split_first() {
        Some((chore, rest)) => (Some(chore.as_str()), rest),
        None => (None, arguments.as_slice()),
    };
    let outcome = match chore {
        Some("build") => build::build().map(|_| ()),
        Some("serve") => serve::serve(rest),
        Some("test") => test::test(rest),
        #[cfg(target_os = "linux")]
        Some("bench") => bench::bench(rest),
        #[cfg(target_os = "linux")]
        Some("crash") => crash::crash(rest),
        #[cfg(target_os = "linux")]
        Some("powercut") => powercut::powercut(rest),
        #[cfg(not(target_os = "linux"))]
        Some("bench" | "crash" | "powercut") => Err(anyhow::anyhow!("this chore needs Linux")),
        Some("guard") => guard::watch(),
        None | Some("help" | "--help" | "-h") => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Some(other) => {
            console::line(&format!("There is no chore called {other}.\n\n{HELP}"));
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            console::failure(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
