//! Postfix as a comparison: accepts mail, syncs its queue files and delivers to the same relay.
//!
//! Debian's default configuration except for paths and the connection limit, which is Postern's.

use super::load::MAIL_BYTES;
use crate::{
    console::command_line,
    guard::{ManagedProcess, TempDir},
    rig::{postern::free_address, until},
    setup::mail_servers,
};
use anyhow::{Context, Result, bail};
use std::{
    fs::{self, File, FileTimes, Permissions},
    net::{SocketAddr, TcpStream},
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

/// Note on the configuration for readers of the figures.
pub const SETTINGS_NOTE: &str = "Postfix: Debian's settings except for default_destination_concurrency_limit, \
    raised from 20 to Postern's; queue files synced, log discarded, \
    fed by smtp-source with persistent sessions.";

/// User and group id of `postfix` in that folder.
const POSTFIX_ID: u32 = 61001;

const START_TIMEOUT: Duration = Duration::from_secs(30);

pub struct Postfix {
    root: PathBuf,
    address: SocketAddr,
    // Drop order: the server before its queue.
    _master: ManagedProcess,
    _folder: TempDir,
}

impl Postfix {
    pub fn start(relay: SocketAddr, connections: usize) -> Result<Self> {
        let root = mail_servers::folder()?;
        let folder = TempDir::create(&root.join("srv"), "bench")?;
        let inside = Path::new("/").join(folder.0.strip_prefix(&root)?);
        let address = free_address()?;
        create_folders(&folder.0)?;
        let config = folder.0.join("config");
        write(&config.join("main.cf"), &main(&inside, relay, connections))?;
        write(&config.join("master.cf"), &master(address.port()))?;
        // With -d it stays in its process group and ends with it.
        let mut master = in_folder(&root, "/usr/lib/postfix/sbin/master");
        master.args(["-d", "-c"]).arg(inside.join("config"));
        let running = ManagedProcess::start(master.stdout(Stdio::null()).stderr(Stdio::null()))?;
        let listening = || TcpStream::connect(address).is_ok();
        if !until(START_TIMEOUT, Duration::from_millis(20), listening) {
            bail!("{} does not listen", command_line(&master));
        }
        Ok(Self {
            root,
            address,
            _master: running,
            _folder: folder,
        })
    }

    /// Submits mails with `smtp-source` and waits until Postfix has accepted all of them.
    pub fn load(&self, sessions: usize, mails: u64) -> Result<()> {
        let mut source = in_folder(&self.root, "/usr/sbin/smtp-source");
        source
            .args(["-d", "-s", &sessions.to_string(), "-m", &mails.to_string()])
            .args(["-l", &MAIL_BYTES.to_string()])
            .args(["-f", "alerts@example.org", "-t", "someone@example.net"])
            .arg(format!("inet:{}", self.address));
        crate::run::run(&mut source)
    }
}

fn in_folder(root: &Path, program: &str) -> Command {
    let mut command = Command::new("chroot");
    command.arg(root).arg(program);
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin")
        .env("LANG", "C");
    command
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

/// `main.cf`. Only the concurrency limit differs from the defaults, where it is 20.
fn main(inside: &Path, relay: SocketAddr, connections: usize) -> String {
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
         smtp_host_lookup = native\n\
         relayhost = [{}]:{}\n\
         default_destination_concurrency_limit = {connections}\n",
        relay.ip(),
        relay.port()
    )
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
