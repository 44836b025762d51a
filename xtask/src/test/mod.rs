//! `cargo xtask test`: every check a change must pass.

mod e2e;
mod steps;

use crate::console;
use anyhow::{Result, bail};
use std::time::{Duration, Instant};
#[cfg(target_os = "linux")]
pub use steps::{program_with_traces, readers, traces};

struct Step {
    name: &'static str,
    /// One line for the help and the summary.
    about: &'static str,
    run: fn() -> Result<()>,
}

const STEPS: [Step; 7] = [
    Step {
        name: "format",
        about: "formatting (rustfmt)",
        run: steps::format,
    },
    Step {
        name: "site",
        about: "the browser's assets and their size budget",
        run: steps::site,
    },
    Step {
        name: "lint",
        about: "clippy, warnings as errors",
        run: steps::lint,
    },
    Step {
        name: "tidy",
        about: "rules of the repository, tests of xtask",
        run: steps::tidy,
    },
    Step {
        name: "unit",
        about: "unit, store and HTTP tests, on SQLite and PostgreSQL",
        run: steps::unit,
    },
    Step {
        name: "crash",
        about: "crashes, restarts, power cuts, backups and moves, no mail lost",
        run: steps::crash,
    },
    Step {
        name: "e2e",
        about: "end-to-end tests in Chromium with real SMTP servers",
        run: steps::end_to_end,
    },
];

/// Runs the named steps, or all. Steps after a failed one still run.
pub fn test(names: &[String]) -> Result<()> {
    if names
        .iter()
        .any(|name| ["help", "--help", "-h"].contains(&name.as_str()))
    {
        print!("{}", help());
        return Ok(());
    }
    if let Some(unknown) = names
        .iter()
        .find(|name| !STEPS.iter().any(|step| step.name == **name))
    {
        bail!("unknown step: {unknown}\n\n{}", help());
    }
    let wanted = STEPS
        .iter()
        .filter(|step| names.is_empty() || names.iter().any(|name| name == step.name));
    let outcomes: Vec<_> = wanted.map(|step| (step, attempt(step))).collect();

    console::line("");
    for (step, (passed, time)) in &outcomes {
        let mark = if *passed {
            console::colour("1;32", "passed")
        } else {
            console::colour("1;31", "FAILED")
        };
        let time = console::seconds(*time);
        console::line(&format!(
            "{mark}  {:<7} {time:>7}  {}",
            step.name, step.about
        ));
    }
    let failed = outcomes.iter().filter(|(_, (passed, _))| !passed).count();
    if failed > 0 {
        bail!("{failed} of {} steps failed", outcomes.len());
    }
    Ok(())
}

fn attempt(step: &Step) -> (bool, Duration) {
    let headline = format!("{}: {}", step.name, step.about);
    console::line(&format!("\n{}", console::colour("1", &headline)));
    let start = Instant::now();
    let outcome = (step.run)();
    if let Err(error) = &outcome {
        console::failure(&format!("{error:#}"));
    }
    (outcome.is_ok(), start.elapsed())
}

fn help() -> String {
    let mut text = String::from(
        "Runs every check a change must pass. Installs missing packages when run as root.\n\n\
         Usage: cargo xtask test [STEP]...\n\nSteps (default: all):\n",
    );
    for step in &STEPS {
        text.push_str(&format!("  {:<8} {}\n", step.name, step.about));
    }
    text.push_str(
        "\nWith POSTERN_SCREENSHOTS=1 in the environment, e2e also writes a screenshot of every page in both \
         colour\nschemes and widths to target/end2end.\n",
    );
    text
}
