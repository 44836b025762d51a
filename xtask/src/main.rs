//! Development commands: `cargo xtask build | serve | test | bench | soak | dist`.

mod alerts;
#[cfg(target_os = "linux")]
mod bench;
mod build;
mod console;
#[cfg(target_os = "linux")]
mod crash;
#[cfg(target_os = "linux")]
mod dist;
#[cfg(target_os = "linux")]
mod fuzz;
mod guard;
#[cfg(target_os = "linux")]
mod moving;
#[cfg(target_os = "linux")]
mod own_relays;
#[cfg(target_os = "linux")]
mod powercut;
mod rig;
mod run;
mod serve;
mod setup;
mod site;
#[cfg(target_os = "linux")]
mod soak;
mod test;
#[cfg(target_os = "linux")]
mod traces;
mod workspace;

use std::{env, process::ExitCode};

const HELP: &str = "\
Development commands for Postern. Each one installs what it needs.

Usage: cargo xtask <COMMAND>

Commands:
  build  build target/release/postern, with the console's assets embedded; `--features otel` adds traces
  serve  build for development and run `postern serve` on 127.0.0.1:3000, data in ./data;
         further arguments are passed on
  test   run every check a change must pass; `cargo xtask test --help` lists the steps
  bench  measure the release build; `cargo xtask bench --help` lists the benchmarks
  soak   many crashes, outages, restarts, power cuts, own relays, and fuzzing; `cargo xtask soak --help`
  dist   make the Debian packages; `cargo xtask dist --check` installs and runs them in a Debian root
  help   print this help
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (Some(command.as_str()), rest),
        None => (None, arguments.as_slice()),
    };
    let outcome = match command {
        Some("build") => build::build_command(rest),
        Some("serve") => serve::serve(rest),
        Some("test") => test::test(rest),
        #[cfg(target_os = "linux")]
        Some("bench") => bench::bench(rest),
        #[cfg(target_os = "linux")]
        Some("soak") => soak::soak(rest),
        #[cfg(target_os = "linux")]
        Some("dist") => dist::dist(rest),
        #[cfg(not(target_os = "linux"))]
        Some("bench" | "dist" | "soak") => Err(anyhow::anyhow!("this command needs Linux")),
        Some("guard") => guard::run_guard(),
        None | Some("help" | "--help" | "-h") => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Some(other) => {
            console::line(&format!("Unknown command: {other}\n\n{HELP}"));
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
