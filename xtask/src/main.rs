//! The project's own chores: `cargo xtask serve | test | build`.

mod build;
mod run;
mod say;
mod site;
mod workspace;

use std::{env, process::ExitCode};

const HELP: &str = "\
The chores of Postern. Each does its own set-up.

Usage: cargo xtask <CHORE>

Chores:
  build    make target/release/postern, one file that holds everything
  help     print this
";

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let outcome = match arguments.next().as_deref() {
        Some("build") => build::build().map(|_| ()),
        None | Some("help" | "--help" | "-h") => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Some(other) => {
            eprintln!("There is no chore called {other}.\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::failure(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
