//! `OpenSMTPD` as a comparison: accepts mail, syncs it and delivers to the same relay.

use super::{folder, smtp_tools};
use crate::{
    guard::{ManagedProcess, TempDir},
    rig::postern::free_address,
    run::run,
    setup::mail_servers,
};
use anyhow::Result;
use std::{
    fs::{self, Permissions},
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    process::Command,
};

/// How it is set up, for its row.
pub const OPENSMTPD: &str = "OpenSMTPD as shipped";

pub struct OpenSmtpd {
    pub address: SocketAddr,
    _daemon: ManagedProcess,
    _folder: TempDir,
}

impl OpenSmtpd {
    /// Spool and socket have fixed paths: it has a root of its own.
    pub fn start(relay: SocketAddr) -> Result<Self> {
        let root = mail_servers::folder()?;
        let folder = folder(&root, "bench-opensmtpd")?;
        let own = &folder.0;
        for name in ["bin", "lib", "lib64", "usr/lib", "usr/libexec", "usr/sbin"] {
            let to = own.join(name);
            fs::create_dir_all(to.parent().unwrap_or(own))?;
            // Hard links take neither time nor space.
            run(Command::new("cp")
                .args(["--archive", "--link"])
                .arg(root.join(name))
                .arg(to))?;
        }
        for name in [
            "dev",
            "etc",
            "tmp",
            "var/lib/opensmtpd/empty",
            "var/run",
            "var/spool",
        ] {
            fs::create_dir_all(own.join(name))?;
        }
        for name in ["dev/null", "dev/urandom", "etc/group", "etc/passwd"] {
            fs::copy(root.join(name), own.join(name))?;
        }
        fs::set_permissions(own.join("tmp"), Permissions::from_mode(0o1777))?;
        let address = free_address()?;
        fs::write(own.join("etc/resolv.conf"), "lookup file\n")?;
        fs::write(own.join("etc/hosts"), "")?;
        fs::write(own.join("etc/smtpd.conf"), opensmtpd(address, relay))?;
        let mut daemon = mail_servers::program(own, "/usr/sbin/smtpd");
        daemon.arg("-d");
        Ok(Self {
            address,
            _daemon: smtp_tools::start(&mut daemon, address)?,
            _folder: folder,
        })
    }
}

/// With a higher limit of mails per session: the load keeps its connections.
fn opensmtpd(address: SocketAddr, relay: SocketAddr) -> String {
    format!(
        "smtp limit max-mails 100000\nlisten on {} port {}\naction \"relay\" relay host \"smtp://{}:{}\"\n\
         match from any for any action \"relay\"\n",
        address.ip(),
        address.port(),
        relay.ip(),
        relay.port()
    )
}
