//! The life of the package: installed, used, upgraded, removed, installed again, purged.

use super::{analysis, earlier, root::DebianRoot, service::Service};
use crate::{
    dist::package::Packages,
    rig::postern::{ADMINISTRATOR, PASSWORD},
};
use anyhow::{Context, Result, bail};
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

/// The folder with the database and the keys.
const DATA: &str = "/var/lib/postern";

/// What purge removes and remove keeps.
const KEPT: [&str; 4] = [
    "/var/lib/postern/postern.db",
    "/var/lib/postern/keys",
    "/etc/default/postern",
    "/etc/postern/credentials",
];

/// Links to postern.
const LINKS: [&str; 4] = [
    "/usr/sbin/sendmail",
    "/usr/lib/sendmail",
    "/usr/bin/mailq",
    "/usr/bin/newaliases",
];

/// The units that are enabled, as links in the folder of systemd.
const ENABLED: [&str; 3] = [
    "multi-user.target.wants/postern.service",
    "sockets.target.wants/postern-http.socket",
    "sockets.target.wants/postern-submit.socket",
];

/// The completions of each shell, in /usr/share.
const COMPLETIONS: [&str; 3] = [
    "bash-completion/completions/postern",
    "fish/vendor_completions.d/postern.fish",
    "zsh/vendor-completions/_postern",
];

/// The unit that an administrator disables before the upgrade.
const DISABLED: &str = "postern-submit.socket";

const MAIL: &str = "Subject: Fire\n\nLeave the building.\n";

/// The package that is upgraded.
pub struct Before {
    pub package: PathBuf,
    /// Whether it has the files of the version after, so that its database has the tables of that.
    pub is_rebuilt: bool,
}

/// Installs `before`, upgrades to `packages`, and so on; the root has no package of postern afterwards.
pub fn check(root: &DebianRoot, before: &Before, packages: &Packages) -> Result<()> {
    root.install(&before.package)
        .context("installing the version before")?;
    check_installed(root)?;
    let service = Service::start(root)?;
    create_account(root)?;
    submit(root, "before@example.org")?;
    check_data(root, &["before@example.org"])?;
    service.stop()?;
    if before.is_rebuilt {
        earlier::take_back(root)?;
    }

    root.run(&["systemctl", "disable", DISABLED])?;
    root.install(&packages.postern).context("upgrading")?;
    check_gone(
        root,
        &[&wanted(&format!("sockets.target.wants/{DISABLED}"))],
    )
    .context("a unit that was disabled is enabled by an upgrade")?;
    root.run(&["systemctl", "enable", DISABLED])?;
    check_installed(root)?;
    check_database_of_commands(root)?;
    analysis::check(root)?;
    let service = Service::start(root)?;
    submit(root, "after@example.org")?;
    check_data(root, &["before@example.org", "after@example.org"])?;
    if before.is_rebuilt {
        earlier::check_settings(root)?;
    }
    service.stop()?;

    root.run(&["dpkg", "--remove", "postern"])?;
    check_gone(root, &LINKS)?;
    check_gone(root, &["/usr/bin/postern"])?;
    for path in KEPT {
        if !root.has(path) {
            bail!("{path} is gone, although the package was not purged");
        }
    }

    root.install(&packages.postern)
        .context("installing again")?;
    check_installed(root)?;
    let service = Service::start(root)?;
    check_data(root, &["before@example.org", "after@example.org"])?;
    service.stop()?;

    root.run(&["dpkg", "--purge", "postern"])?;
    check_gone(root, &LINKS)?;
    check_gone(root, &KEPT)?;
    check_gone(root, &[DATA, "/etc/postern", "/run/postern"])?;
    check_gone(root, &ENABLED.map(wanted).each_ref().map(String::as_str))
}

/// Checks the user, the folders, the links, the enabled units, man pages and completions of an installed package.
fn check_installed(root: &DebianRoot) -> Result<()> {
    root.run(&["getent", "passwd", "postern"])?;
    let mode = fs::metadata(root.path(DATA))?.permissions().mode() & 0o777;
    if mode != 0o700 {
        bail!("{DATA} has the mode {mode:o}");
    }
    for link in LINKS {
        let target = root.run(&["readlink", "--canonicalize", link])?;
        if target.trim() != "/usr/bin/postern" {
            bail!("{link} is a link to {target}");
        }
    }
    let pages = [
        "man1/postern-serve.1.gz",
        "man8/posternctl.8.gz",
        "man8/sendmail.8.gz",
    ];
    let pages = pages.map(|page| format!("/usr/share/man/{page}"));
    let completions = COMPLETIONS.map(|path| format!("/usr/share/{path}"));
    let expected = ENABLED.map(wanted);
    for path in expected.iter().chain(&pages).chain(&completions) {
        if !root.has(path) {
            bail!("{path} is missing");
        }
    }
    Ok(())
}

fn wanted(unit: &str) -> String {
    format!("/etc/systemd/system/{unit}")
}

fn check_gone(root: &DebianRoot, paths: &[&str]) -> Result<()> {
    match paths.iter().find(|path| root.has(path)) {
        Some(path) => bail!("{path} is still there"),
        None => Ok(()),
    }
}

/// Creates the first administrator with posternctl, which has to find the data of the service.
fn create_account(root: &DebianRoot) -> Result<()> {
    let words = [
        "posternctl",
        "account",
        "create",
        ADMINISTRATOR,
        "--role",
        "admin",
    ];
    let output = root.output(&words, &format!("{PASSWORD}\n"))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("{} failed: {errors}", words.join(" "));
    }
    Ok(())
}

/// Checks that posternctl connects to the database that a secret of the service names.
fn check_database_of_commands(root: &DebianRoot) -> Result<()> {
    let path = root.path("/etc/postern/credentials/database");
    // Nothing listens at this port.
    fs::write(&path, "postgres://127.0.0.1:1/none\n")?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    let words = ["posternctl", "account", "list"];
    root.run_refused(&words, "PostgreSQL at 127.0.0.1:1")?;
    Ok(fs::remove_file(path)?)
}

/// Submits a mail as a user without rights, as cron does.
fn submit(root: &DebianRoot, recipient: &str) -> Result<()> {
    let user = [
        "setpriv",
        "--reuid=nobody",
        "--regid=nogroup",
        "--clear-groups",
    ];
    let words = [&user[..], &["sendmail", "-i", recipient]].concat();
    let output = root.output(&words, MAIL)?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("sendmail did not submit a mail to {recipient}: {errors}");
    }
    Ok(())
}

/// Checks that the account and the mail to these recipients are there.
fn check_data(root: &DebianRoot, recipients: &[&str]) -> Result<()> {
    let accounts = root.run(&["posternctl", "account", "list"])?;
    if !accounts.contains(ADMINISTRATOR) {
        bail!("the account is missing: {accounts}");
    }
    let queue = root.run(&["mailq"])?;
    match recipients
        .iter()
        .find(|recipient| !queue.contains(**recipient))
    {
        Some(recipient) => bail!("the mail to {recipient} is missing: {queue}"),
        None => Ok(()),
    }
}
