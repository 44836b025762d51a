//! Debian's mail servers and mail clients, unpacked into a folder and run by chroot.
//!
//! Installing the packages would start the servers and remove the machine's own mail server. They
//! are therefore only unpacked, with all dependencies down to the C library. Debian's mail servers
//! conflict with each other for `/usr/sbin/sendmail`, which nothing runs here; cron, which has no
//! other way to send mail, runs in a root of its own, where it is Postern.

use super::apt;
use crate::{console, workspace};
use anyhow::{Context, Result};
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

/// Sets of packages that can be installed together.
const PACKAGES: &[&[&str]] = &[
    &[
        "postfix",
        "dovecot-core",
        "dovecot-submissiond",
        "swaks",
        // swaks needs these for TLS and CRAM-MD5.
        "libnet-ssleay-perl",
        "libauthen-sasl-perl",
        "libdigest-hmac-perl",
    ],
    // Programs that send mail, and a shell for them; git-email needs libmailtools-perl.
    &[
        "cron",
        "dash",
        "git-email",
        "libmailtools-perl",
        "msmtp",
        "php-cli",
        "python3",
        "python3-dkim",
        "s-nail",
    ],
    &["exim4-daemon-light"],
    // OpenSMTPD delivers through /bin/sh.
    &["opensmtpd", "dash"],
    // Sendmail uses Cyrus SASL, whose passwords saslpasswd2 writes.
    &[
        "sendmail-bin",
        "sendmail-cf",
        "libsasl2-modules",
        "sasl2-bin",
    ],
];

/// Users of the servers, with ids that are not in use on the machine.
const USERS: [(&str, u32); 12] = [
    ("root", 0),
    ("nobody", 65534),
    ("postfix", 61001),
    ("postdrop", 61002),
    ("dovecot", 61003),
    ("dovenull", 61004),
    ("mail", 61005),
    ("Debian-exim", 61006),
    ("opensmtpd", 61007),
    ("opensmtpq", 61008),
    ("smmta", 61009),
    ("smmsp", 61010),
];

/// The folder, unpacked on first use. Running programs in it needs root.
pub fn folder() -> Result<PathBuf> {
    let folder = workspace::cache_dir().join("mail-servers");
    let done = folder.join("done");
    if fs::read_to_string(&done).is_ok_and(|made| made == recipe()) {
        return Ok(folder);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let step = console::step(&format!("Unpack {}", PACKAGES.concat().join(" ")));
    fs::create_dir_all(&folder).with_context(|| format!("cannot write to {}", folder.display()))?;
    apt::unpack("Postfix", PACKAGES, &folder)?;
    add_missing_files(&folder)?;
    fs::write(done, recipe())?;
    step.done("unpacked");
    Ok(folder)
}

/// A command that runs a program in the folder, or in another that holds it.
pub fn program(root: &Path, name: &str) -> Command {
    let mut command = Command::new("chroot");
    command.arg(root).arg(name);
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin")
        .env("LANG", "C");
    command
}

/// Identifies the content of the folder.
fn recipe() -> String {
    format!("{PACKAGES:?} {USERS:?}")
}

/// Adds what package scripts would create.
fn add_missing_files(folder: &Path) -> Result<()> {
    for name in ["bin", "sbin", "lib", "lib64"] {
        if !folder.join(name).exists() {
            symlink(Path::new("usr").join(name), folder.join(name))?;
        }
    }
    for name in ["dev", "srv", "tmp"] {
        fs::create_dir_all(folder.join(name))?;
    }
    // Plain files instead of device nodes, which containers may not create. Key material comes
    // from the kernel (getrandom).
    fs::write(folder.join("dev/null"), "")?;
    fs::write(folder.join("dev/urandom"), [0x55; 4096])?;
    let (mut users, mut groups) = (String::new(), String::new());
    for (name, id) in USERS {
        users += &format!("{name}:x:{id}:{id}::/:/usr/sbin/nologin\n");
        groups += &format!("{name}:x:{id}:\n");
    }
    fs::write(folder.join("etc/passwd"), users)?;
    fs::write(folder.join("etc/group"), groups)?;
    Ok(())
}
