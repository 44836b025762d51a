//! Exim as a comparison: accepts mail, syncs it and delivers to the same relay.

use super::{folder, smtp_tools};
use crate::{
    guard::{ManagedProcess, TempDir},
    rig::postern::free_address,
    setup::mail_servers,
};
use anyhow::Result;
use std::{fs, net::SocketAddr, os::unix::fs::chown, path::Path};

/// How it is set up, for its row.
pub const EXIM: &str = "Exim, a process for each delivery as shipped";

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
