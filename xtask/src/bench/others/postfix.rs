//! Postfix as a comparison: accepts mail, syncs its queue files and delivers to the same relay.
//!
//! Debian's default configuration except for paths, the relay and the connection limit, which is
//! Postern's; and tuned. Also as a relay that accepts mail and discards it.

use super::smtp_tools;
use crate::{
    guard::{ManagedProcess, TempDir},
    rig::postern::free_address,
    setup::mail_servers,
};
use anyhow::{Context, Result};
use std::{
    fs::{self, File, FileTimes, Permissions},
    net::SocketAddr,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
    time::SystemTime,
};

/// What is tuned.
const TUNED: [(&str, &str); 7] = [
    ("in_flow_delay", "0"),
    ("default_process_limit", "200"),
    ("qmgr_message_active_limit", "100000"),
    ("initial_destination_concurrency", "32"),
    // No rename of a queue file to the number of its inode.
    ("enable_long_queue_ids", "yes"),
    // No rewriting of addresses, and no checks of the header and the body.
    (
        "receive_override_options",
        "no_address_mappings, no_unknown_recipient_checks, no_header_body_checks, no_milters",
    ),
    ("smtp_connection_reuse_count_limit", "1000"),
];

/// Note on the configuration for readers of the figures.
pub fn settings_note() -> String {
    let tuned: Vec<String> = TUNED
        .iter()
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    format!(
        "Postfix: Debian's settings except for default_destination_concurrency_limit, raised from 20 to \
         Postern's; queue files synced on the same disk, log discarded, fed by smtp-source with \
         persistent sessions. Tuned: {}, and a connection cache for the relay \
         (smtp_connection_cache_destinations).",
        tuned.join("; ")
    )
}

/// User and group id of `postfix` in that folder.
const POSTFIX_ID: u32 = 61001;

pub struct Postfix {
    pub address: SocketAddr,
    // Drop order: the server before its queue.
    _master: ManagedProcess,
    _folder: TempDir,
}

impl Postfix {
    /// Starts one that delivers to a relay with Debian's settings.
    pub fn shipped(relay: SocketAddr, connections: usize) -> Result<Self> {
        Self::start(&main(&[], relay, connections))
    }

    /// Starts one that delivers to a relay, with settings for throughput.
    pub fn tuned(relay: SocketAddr, connections: usize) -> Result<Self> {
        // Without brackets and port (postconf(5)).
        let next_hop = relay.ip().to_string();
        let mut settings = TUNED.to_vec();
        settings.push(("smtp_connection_cache_destinations", &next_hop));
        Self::start(&main(&settings, relay, connections))
    }

    /// Starts one that discards what it has accepted and synced.
    pub fn discarding() -> Result<Self> {
        Self::start("default_transport = discard:\n")
    }

    fn start(settings: &str) -> Result<Self> {
        let root = mail_servers::folder()?;
        let folder = TempDir::create(&root.join("srv"), "bench")?;
        let inside = Path::new("/").join(folder.0.strip_prefix(&root)?);
        let address = free_address()?;
        create_folders(&folder.0)?;
        let config = folder.0.join("config");
        write(&config.join("main.cf"), &(base(&inside) + settings))?;
        write(&config.join("master.cf"), &master(address.port()))?;
        // With -d it stays in its process group and ends with it.
        let mut master = mail_servers::program(&root, "/usr/lib/postfix/sbin/master");
        master.args(["-d", "-c"]).arg(inside.join("config"));
        let master = smtp_tools::start(&mut master, address)?;
        Ok(Self {
            address,
            _master: master,
            _folder: folder,
        })
    }
}

fn create_folders(folder: &Path) -> Result<()> {
    // The daemons run as other users.
    fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    for name in ["config", "queue", "queue/pid", "data"] {
        fs::create_dir(folder.join(name))?;
    }
    let queues = [
        "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming",
        "maildrop", "private", "public", "saved", "trace",
    ];
    for name in queues {
        let queue = folder.join("queue").join(name);
        fs::create_dir(&queue)?;
        fs::set_permissions(&queue, Permissions::from_mode(0o700))?;
        chown(&queue, Some(POSTFIX_ID), Some(POSTFIX_ID))?;
    }
    fs::set_permissions(folder.join("queue/public"), Permissions::from_mode(0o755))?;
    chown(folder.join("data"), Some(POSTFIX_ID), Some(POSTFIX_ID))?;
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    // Postfix waits for seconds if a file was changed a moment ago.
    let long_ago = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
    File::options()
        .write(true)
        .open(path)?
        .set_times(long_ago)?;
    Ok(())
}

/// The part of `main.cf` for the folders and names.
fn base(inside: &Path) -> String {
    let inside = inside.display();
    format!(
        "compatibility_level = 3.6\n\
         config_directory = {inside}/config\n\
         queue_directory = {inside}/queue\n\
         data_directory = {inside}/data\n\
         daemon_directory = /usr/lib/postfix/sbin\n\
         mail_owner = postfix\n\
         setgid_group = postdrop\n\
         inet_interfaces = 127.0.0.1\n\
         inet_protocols = ipv4\n\
         myhostname = mail.example.org\n\
         mydestination =\n\
         mynetworks = 127.0.0.0/8\n\
         alias_maps =\n\
         smtpd_peername_lookup = no\n\
         smtp_host_lookup = native\n"
    )
}

/// The part of `main.cf` for delivery. Of the defaults only the concurrency limit differs, which is 20.
fn main(settings: &[(&str, &str)], relay: SocketAddr, connections: usize) -> String {
    let mut text = format!(
        "relayhost = [{}]:{}\ndefault_destination_concurrency_limit = {connections}\n",
        relay.ip(),
        relay.port()
    );
    for (name, value) in settings {
        text.push_str(&format!("{name} = {value}\n"));
    }
    text
}

/// Debian's `master.cf` without unused services, and with another port.
fn master(port: u16) -> String {
    format!(
        "127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
"
    )
}
