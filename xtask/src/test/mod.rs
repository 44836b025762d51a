//! `cargo xtask test`: everything a change must pass, one step after the other.

mod e2e;
mod steps;

use crate::console;
use anyhow::{Result, bail};
use std::time::{Duration, Instant};

struct Step {
    name: &'static str,
    /// Its line in the help and in the summary.
    about: &'static str,
    run: fn() -> Result<()>,
}

const STEPS: [Step; 7] = [
    Step {
        name: "format",
        about: "rustfmt has nothing to change",
        run: steps::format,
    },
    Step {
        name: "site",
        about: "what a browser loads, built and weighed",
        run: steps::site,
    },
    Step {
        name: "lint",
        about: "clippy, with warnings as errors",
        run: steps::lint,
    },
    Step {
        name: "tidy",
        about: "the rules of this repository",
        run: steps::tidy,
    },
    Step {
        name: "unit",
        about: "unit, store and HTTP tests, on SQLite and PostgreSQL",
        run: steps::unit,
    },
    Step {
        name: "crash",
        about: "killed and cut off in mid-mail, no mail lost",
        run: steps::crash,
    },
    Step {
        name: "e2e",
        about: "end to end, in Chromium against real SMTP servers",
        run: steps::end_to_end,
    },
];

/// Runs the named steps, or all. A failure does not keep the others from telling what they find.
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
        bail!("there is no step called {unknown}\n\n{}", help());
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
        "Runs everything a change must pass. Installs what is missing when run as root.\n\n\
         Usage: cargo xtask test [STEP]...\n\nSteps, all of them unless some are named:\n",
    );
    for step in &STEPS {
        text.push_str(&format!("  {:<8} {}\n", step.name, step.about));
    }
    text
}
