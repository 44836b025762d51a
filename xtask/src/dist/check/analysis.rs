//! Checks the installed units with systemd-analyze.

use super::{root::DebianRoot, unit};
use anyhow::Result;

/// The most that `systemd-analyze security` may report for the service, in tenths.
const EXPOSURE: &str = "--threshold=25";

/// Checks that systemd understands every setting of the units, and how much the service is exposed.
pub fn check(root: &DebianRoot) -> Result<()> {
    let units = unit::names(root)?;
    let mut verify = vec!["systemd-analyze", "verify", "--man=no"];
    verify.extend(units.iter().map(String::as_str));
    root.run(&verify)?;
    let security = ["systemd-analyze", "security", "--offline=yes", "--no-pager"];
    let security = [&security[..], &[EXPOSURE, unit::SERVICE]].concat();
    root.run(&security)?;
    Ok(())
}
