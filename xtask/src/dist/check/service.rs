//! Runs the service of the package as systemd would, as far as that is possible without it.
//!
//! `systemd-socket-activate` opens the sockets of the socket units and starts the command line of the
//! service at the first connection, as its user and without capabilities. The namespaces, the credentials and
//! the filter of system calls need systemd itself; the calls that are made are compared with the filter.

use super::{
    notifications::Notifications,
    root::DebianRoot,
    syscalls,
    unit::{self, Unit},
};
use crate::{
    guard::ManagedProcess,
    rig::{
        http::{Client, expect},
        postern::free_address,
        until,
    },
};
use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt,
    time::Duration,
};

/// The socket units whose sockets are passed. Those of SMTP need a certificate.
const SOCKETS: [&str; 3] = [
    "postern-http.socket",
    "postern-submit.socket",
    "postern-command.socket",
];

const NOTIFY: &str = "/run/notify";
const TRACE: &str = "/run/trace";
const LOG: &str = "/run/service.log";

/// Limit for a start or a stop on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// The pause between two reads of a file.
const PAUSE: Duration = Duration::from_millis(20);

/// The time of the watchdog here: half of it passes before a notification.
const WATCHDOG: Duration = Duration::from_secs(4);

/// The running service. It is killed on drop.
pub struct Service<'r> {
    root: &'r DebianRoot,
    unit: Unit,
    running: ManagedProcess,
    notifications: Notifications,
}

impl<'r> Service<'r> {
    /// Starts the service with a request for its health, which waits until it is answered.
    pub fn start(root: &'r DebianRoot) -> Result<Self> {
        let unit = Unit::read(root, unit::SERVICE)?;
        let (user, group) = (unit.value("User")?, unit.value("Group")?);
        root.run(&[
            "install",
            "--directory",
            &format!("--owner={user}"),
            &format!("--group={group}"),
            &format!("/run/{}", unit.value("RuntimeDirectory")?),
            TRACE,
        ])?;
        let notifications = Notifications::bind(&root.path(NOTIFY))?;
        fs::write(root.path(LOG), "")?;
        let log = File::options().append(true).open(root.path(LOG))?;

        let address = free_address()?;
        let mut command = root.command("systemd-socket-activate");
        let (mut names, mut paths) = (Vec::new(), Vec::new());
        for socket in SOCKETS {
            let socket = Unit::read(root, socket)?;
            names.push(socket.value("FileDescriptorName")?.to_owned());
            let listen = socket.value("ListenStream")?;
            if listen.starts_with('/') {
                let mode = u32::from_str_radix(socket.value("SocketMode")?, 8)?;
                let path = root.path(listen);
                // That of the service before.
                let _ = fs::remove_file(&path);
                paths.push((path, mode));
                command.arg(format!("--listen={listen}"));
            } else {
                // The port of the unit may be in use on this machine.
                command.arg(format!("--listen={address}"));
            }
        }
        command.arg(format!("--fdname={}", names.join(":")));
        let variables = ["PATH=/usr/bin:/bin", "RUST_LOG=info"].map(str::to_owned);
        let own = unit.values("Environment").map(str::to_owned);
        let managed = [
            format!("NOTIFY_SOCKET={NOTIFY}"),
            format!("WATCHDOG_USEC={}", WATCHDOG.as_micros()),
        ];
        for variable in variables.into_iter().chain(own).chain(managed) {
            command.arg(format!("--setenv={variable}"));
        }
        command
            .arg("setpriv")
            .arg(format!("--reuid={user}"))
            .arg(format!("--regid={group}"))
            .args(["--init-groups", "--no-new-privs", "--bounding-set=-all"])
            // As a grandchild, so that the service is the process that the sockets were opened for.
            .args(["strace", "--daemonize", "--follow-forks", "--quiet=all"])
            .args(["--summary-only", "--output"])
            .arg(format!("{TRACE}/calls"))
            .args(unit.value("ExecStart")?.split(' '))
            .stdout(log.try_clone()?)
            .stderr(log);
        let running = ManagedProcess::start(&mut command)?;
        let service = Self {
            root,
            unit,
            running,
            notifications,
        };
        for (path, mode) in paths {
            if !until(LIMIT, PAUSE, || path.exists()) {
                bail!("no socket {}\n{}", path.display(), service.log());
            }
            fs::set_permissions(path, Permissions::from_mode(mode))?;
        }
        let healthy = Client::connect(address, "")
            .and_then(|mut client| client.get("/healthz"))
            .with_context(|| service.log())?;
        expect(healthy, 200, "/healthz").with_context(|| service.log())?;
        for line in ["READY=1", "WATCHDOG=1"] {
            let notified = service.notifications.wait(line, LIMIT);
            notified.with_context(|| service.log())?;
        }
        Ok(service)
    }

    /// Stops the service, and checks the system calls that it made.
    pub fn stop(mut self) -> Result<()> {
        self.notifications.discard()?;
        let id = Pid::from_raw(self.running.child().id().try_into()?);
        kill(id, Signal::SIGTERM)?;
        let notified = self.notifications.wait("STOPPING=1", LIMIT);
        notified.with_context(|| self.log())?;
        match self.running.wait_at_most(LIMIT)? {
            Some(status) if status.success() => {}
            Some(status) => bail!("the service ended with {status}\n{}", self.log()),
            None => bail!("the service does not stop\n{}", self.log()),
        }
        // strace writes it after the process has ended.
        let calls = self.root.path(&format!("{TRACE}/calls"));
        let summary = || fs::read_to_string(&calls).unwrap_or_default();
        if !until(LIMIT, PAUSE, || summary().contains("total")) {
            bail!("strace wrote no summary\n{}", self.log());
        }
        syscalls::check(self.root, &self.unit, &summary())
    }

    /// What the service printed.
    fn log(&self) -> String {
        let text = fs::read_to_string(self.root.path(LOG)).unwrap_or_default();
        format!("the log of the service:\n{text}")
    }
}
