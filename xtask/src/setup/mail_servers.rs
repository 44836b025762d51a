//! Debian's mail servers and swaks, in a folder of their own in which programs are run by chroot.
//!
//! Installed they would start, listen, and push off whatever mail server the machine has. So their
//! packages, with everything they need down to the C library, are only unpacked.

use super::apt;
use crate::{console, workspace};
use anyhow::{Context, Result};
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

const PACKAGES: [&str; 7] = [
    "postfix",
    "dovecot-core",
    "dovecot-submissiond",
    "swaks",
    // What swaks needs for TLS and for CRAM-MD5.
    "libnet-ssleay-perl",
    "libauthen-sasl-perl",
    "libdigest-hmac-perl",
];

/// Whom the servers run as. Numbers that no user of the machine has.
const USERS: [(&str, u32); 7] = [
    ("root", 0),
    ("nobody", 65534),
    ("postfix", 61001),
    ("postdrop", 61002),
    ("dovecot", 61003),
    ("dovenull", 61004),
    ("mail", 61005),
];

/// The folder. Only root can do something with it.
pub fn folder() -> Result<PathBuf> {
    let folder = workspace::cache_dir().join("mail-servers");
    let done = folder.join("done");
    if fs::read_to_string(&done).is_ok_and(|made| made == recipe()) {
        return Ok(folder);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let step = console::step(&format!("Unpack {}", PACKAGES.join(" ")));
    fs::create_dir_all(&folder).with_context(|| format!("cannot write to {}", folder.display()))?;
    apt::unpack("Postfix", &PACKAGES, &folder)?;
    complete(&folder)?;
    fs::write(done, recipe())?;
    step.done("unpacked");
    Ok(folder)
}

/// What the folder was made from.
fn recipe() -> String {
    format!("{PACKAGES:?} {USERS:?}")
}

/// What no package holds, and an installation would have made.
fn complete(folder: &Path) -> Result<()> {
    for name in ["bin", "sbin", "lib", "lib64"] {
        if !folder.join(name).exists() {
            symlink(Path::new("usr").join(name), folder.join(name))?;
        }
    }
    for name in ["dev", "srv", "tmp"] {
        fs::create_dir_all(folder.join(name))?;
    }
    // Files do instead of devices, which not every container may make. What counts for keys comes
    // from the kernel.
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
