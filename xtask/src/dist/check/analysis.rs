//! Checks the installed units with systemd-analyze.

use super::{
    root::DebianRoot,
    unit::{self, Unit},
};
use anyhow::{Result, bail};

/// The most that `systemd-analyze security` may report for the service, in tenths.
const EXPOSURE: &str = "--threshold=25";

/// Checks that systemd understands every setting of the units, that sockets can have an address that the machine
/// has later, and how much the service is exposed.
pub fn check(root: &DebianRoot) -> Result<()> {
    let units = unit::names(root)?;
    let mut verify = vec!["systemd-analyze", "verify", "--man=no"];
    verify.extend(units.iter().map(String::as_str));
    root.run(&verify)?;
    for name in units.iter().filter(|name| name.ends_with(".socket")) {
        let socket = Unit::read(root, name)?;
        let is_path = socket.value("ListenStream")?.starts_with('/');
        if !is_path && socket.value("FreeBind")? != "yes" {
            bail!("{name} fails at a start of the machine before the network is up");
        }
    }
    let security = ["systemd-analyze", "security", "--offline=yes", "--no-pager"];
    let security = [&security[..], &[EXPOSURE, unit::SERVICE]].concat();
    root.run(&security)?;
    Ok(())
}
