//! Checks the alert rules in `ops/` and runs their unit tests, with promtool of Prometheus.

use crate::{console, run::run, workspace};
use anyhow::Result;
use std::{
    path::Path,
    process::{Command, Stdio},
};

/// Fails where a rule is not valid, or an alert fires where it should not, or does not where it should.
pub fn check(promtool: &Path) -> Result<()> {
    let step = console::step("Test the alert rules");
    for (what, file) in [
        ("check", "prometheus-rules.yml"),
        ("test", "prometheus-rules.test.yml"),
    ] {
        // What is wrong is on standard error.
        run(Command::new(promtool)
            .args([what, "rules", file])
            .current_dir(workspace::root().join("ops"))
            .stdout(Stdio::null()))?;
    }
    step.done("promtool");
    Ok(())
}
