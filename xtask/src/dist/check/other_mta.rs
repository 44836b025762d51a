//! The package beside another mail server, and in its place.

use super::root::DebianRoot;
use crate::dist::package::Packages;
use anyhow::{Result, bail};
use std::{fs, os::unix::fs::PermissionsExt};

/// A mail server as Debian's are: it owns the file of sendmail, and conflicts with others.
const CONTROL: &str = "\
Package: other-mta
Version: 1
Architecture: all
Maintainer: Nobody <nobody@example.org>
Provides: mail-transport-agent
Conflicts: mail-transport-agent
Replaces: mail-transport-agent
Description: another mail server
";

const SENDMAIL: &str = "#!/bin/sh\necho other\n";

/// Installs postern beside another mail server, then postern-mta in its place.
pub fn check(root: &DebianRoot, packages: &Packages) -> Result<()> {
    let other = package(root)?;
    let install = ["dpkg", "--install", other.as_str()];
    root.run(&install)?;
    root.install(&packages.postern)?;
    // Its file stays its own.
    expect_sendmail(root, "/usr/sbin/sendmail")?;
    if root.run(&["sendmail"])? != "other\n" {
        bail!("the sendmail of the other mail server was replaced");
    }
    let mta = root.copy(&packages.mta)?;
    root.run_refused(
        &["dpkg", "--install", &mta],
        "conflicts with mail-transport-agent",
    )?;

    root.run(&["dpkg", "--remove", "other-mta"])?;
    root.install(&packages.mta)?;
    expect_sendmail(root, "/usr/bin/postern")?;
    root.run_refused(&install, "conflicts with mail-transport-agent")?;
    expect_sendmail(root, "/usr/bin/postern")?;
    // A choice of the administrator, which an upgrade keeps.
    root.run(&[
        "update-alternatives",
        "--set",
        "sendmail",
        "/usr/bin/postern",
    ])?;
    root.install(&packages.mta)?;
    let chosen = root.run(&["update-alternatives", "--query", "sendmail"])?;
    if !chosen.lines().any(|line| line == "Status: manual") {
        bail!("an upgrade of postern-mta undoes the choice of sendmail: {chosen}");
    }
    root.run(&["dpkg", "--purge", "postern-mta", "postern"])?;
    Ok(())
}

/// Makes the package of the other mail server, and returns its path in the root.
fn package(root: &DebianRoot) -> Result<String> {
    let (content, path) = ("/srv/other", "/srv/other.deb");
    for (file, text, mode) in [
        ("DEBIAN/control", CONTROL, 0o644),
        ("usr/sbin/sendmail", SENDMAIL, 0o755),
    ] {
        let file = root.path(content).join(file);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&file, text)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(mode))?;
    }
    root.run(&["dpkg-deb", "--root-owner-group", "--build", content, path])?;
    Ok(path.to_owned())
}

fn expect_sendmail(root: &DebianRoot, expected: &str) -> Result<()> {
    let target = root.run(&["readlink", "--canonicalize", "/usr/sbin/sendmail"])?;
    if target.trim() != expected {
        bail!("/usr/sbin/sendmail is {target}, not {expected}");
    }
    Ok(())
}
