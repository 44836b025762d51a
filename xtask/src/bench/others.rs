//! Exim and `OpenSMTPD` as comparisons: they accept mail, sync it and deliver to the same relay.

use super::smtp_tools;
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
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
    process::Command,
};

/// How the servers are set up, for the rows.
pub const EXIM: &str = "Exim, a process for each delivery as shipped";
pub const OPENSMTPD: &str = "OpenSMTPD as shipped";

/// User and group ids in the folder of the servers.
const EXIM_ID: u32 = 61006;

/// The mails of one session that Exim delivers at once; with more it waits for its queue runner.
const MAILS_PER_SESSION: u32 = 0;

pub struct Exim {
    pub address: SocketAddr,
    _daemon: ManagedProcess,
    _folder: TempDir,
}

impl Exim {
    pub fn start(relay: SocketAddr) -> Result<Self> {
        let root = mail_servers::folder()?;
        let folder = folder(&root, "bench-exim")?;
        for name in ["spool", "log"] {
            fs::create_dir(folder.0.join(name))?;
            chown(folder.0.join(name), Some(EXIM_ID), Some(EXIM_ID))?;
        }
        let inside = Path::new("/").join(folder.0.strip_prefix(&root)?);
        let address = free_address()?;
        fs::write(folder.0.join("exim.conf"), exim(&inside, address, relay))?;
        let mut daemon = mail_servers::program(&root, "/usr/sbin/exim4");
        daemon.arg("-C").arg(inside.join("exim.conf")).arg("-bdf");
        Ok(Self {
            address,
            _daemon: smtp_tools::start(&mut daemon, address)?,
            _folder: folder,
        })
    }
}

/// Debian's defaults, and what a client without a name needs.
fn exim(inside: &Path, address: SocketAddr, relay: SocketAddr) -> String {
    let inside = inside.display();
    format!(
        "primary_hostname = mail.example.org
spool_directory = {inside}/spool
log_file_path = {inside}/log/%slog
pid_file_path = {inside}/pid
local_interfaces = <; [{}]:{}
deliver_drop_privilege
keep_environment =
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts =
never_users =
smtp_accept_max = 100
smtp_accept_queue_per_connection = {MAILS_PER_SESSION}
acl_smtp_rcpt = all
acl_smtp_data = all

begin acl
all:
  accept

begin routers
all:
  driver = manualroute
  route_list = * {}::{}
  self = send
  transport = smtp

begin transports
smtp:
  driver = smtp
  hosts_try_fastopen =
  hosts_try_dane =

begin retry
* * F,1h,1m
",
        address.ip(),
        address.port(),
        relay.ip(),
        relay.port()
    )
}

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

/// A folder below `root/srv` that the servers, which run as other users, may enter.
fn folder(root: &Path, name: &str) -> Result<TempDir> {
    let folder = TempDir::create(&root.join("srv"), name)?;
    fs::set_permissions(&folder.0, Permissions::from_mode(0o755))?;
    Ok(folder)
}
