//! Notifications to the service manager by the protocol of `sd_notify(3)`, and its watchdog.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engine::{DeliveryPulse, Postern, ReadinessReport};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// How often the status is brought up to date where there is no watchdog.
const STATUS_INTERVAL: Duration = Duration::from_secs(30);

/// How long a notification waits for room in the queue of the manager: without READY=1 it would end the process.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// How much longer a start may take from a report on, which comes at least every 10 s: as in the unit, for the
/// migrations of a large database.
const START_EXTENSION: Duration = Duration::from_mins(15);

/// The service manager that started this process, if one did. Cheap to clone.
#[derive(Clone, Default)]
pub struct ServiceManager {
    socket: Option<Arc<ManagerSocket>>,
    /// The time after which the manager restarts a process that does not report.
    watchdog: Option<Duration>,
}

/// The socket of the manager, and one to send from.
struct ManagerSocket {
    own: UnixDatagram,
    manager: SocketAddr,
}

impl ServiceManager {
    /// The manager that `NOTIFY_SOCKET` names, with the watchdog of `WATCHDOG_USEC`. An address that is
    /// not valid is logged, and no manager is notified.
    pub fn from_environment() -> Self {
        let Some(address) = env::var_os("NOTIFY_SOCKET").filter(|set| !set.is_empty()) else {
            return Self::default();
        };
        let opened = ManagerSocket::open(&address).inspect_err(|error| {
            tracing::warn!("the service manager is not notified: NOTIFY_SOCKET: {error}");
        });
        let text = |name| env::var(name).ok();
        Self {
            socket: opened.ok().map(Arc::new),
            watchdog: watchdog(
                text("WATCHDOG_USEC").as_deref(),
                text("WATCHDOG_PID").as_deref(),
                std::process::id(),
            ),
        }
    }

    /// The process waits for the database, and therefore takes longer to start.
    pub fn waiting(&self, cause: &str) {
        // A line is a notification of its own.
        let cause = cause.replace('\n', " ");
        let extension = START_EXTENSION.as_micros();
        let text =
            format!("EXTEND_TIMEOUT_USEC={extension}\nSTATUS=Waiting for PostgreSQL: {cause}");
        self.send(&text);
    }

    /// The process accepts requests and mail.
    pub fn ready(&self) {
        self.send("READY=1");
    }

    /// The process stops; what is under way ends first.
    pub fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=Stopping: requests and deliveries under way end first");
    }

    /// Reports the status, and keeps the watchdog from acting while the process runs and delivery takes its
    /// turns, until `stopped` is true: a manager has another time limit for a process that stops.
    pub fn watch(&self, postern: &Postern, mut stopped: watch::Receiver<bool>) {
        if self.socket.is_none() {
            return;
        }
        let (manager, postern) = (self.clone(), postern.clone());
        tokio::spawn(async move {
            let mut turns = interval(report_interval(manager.watchdog));
            turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let reporting = async {
                loop {
                    turns.tick().await;
                    manager.report(&postern.readiness().report().await);
                }
            };
            tokio::select! {
                () = reporting => {}
                _ = stopped.wait_for(|stop| *stop) => {}
            }
        });
    }

    fn report(&self, report: &ReadinessReport) {
        let mut text = format!("STATUS={}", status(report));
        // A restart brings neither a database nor a key back, and loses the results of deliveries that wait
        // for the database: their mail would be sent twice.
        if self.watchdog.is_some() && report.delivery != DeliveryPulse::Stuck {
            text.push_str("\nWATCHDOG=1");
        }
        self.send(&text);
    }

    fn send(&self, text: &str) {
        let Some(socket) = &self.socket else { return };
        // The manager may be gone, or not read its queue: the next notification comes soon.
        if let Err(error) = socket.own.send_to_addr(text.as_bytes(), &socket.manager) {
            tracing::debug!("the service manager was not notified: {error}");
        }
    }
}

impl ManagerSocket {
    /// A name that begins with `@` is in the abstract namespace of Linux.
    fn open(address: &OsStr) -> io::Result<Self> {
        let manager = match address.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            [b'/', ..] => SocketAddr::from_pathname(Path::new(address))?,
            _ => {
                let text = "it is neither a path nor an abstract name";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            }
        };
        let own = UnixDatagram::unbound()?;
        own.set_write_timeout(Some(SEND_TIMEOUT))?;
        Ok(Self { own, manager })
    }
}

/// The time of the watchdog, where it is for the process `own`; `WATCHDOG_PID` may name another.
fn watchdog(microseconds: Option<&str>, pid: Option<&str>, own: u32) -> Option<Duration> {
    let microseconds: u64 = microseconds?.parse().ok()?;
    let is_ours = pid.is_none_or(|pid| pid.parse() == Ok(own));
    (is_ours && microseconds > 0).then(|| Duration::from_micros(microseconds))
}

/// Three reports in the time of a watchdog, so that it misses none where one is late.
fn report_interval(watchdog: Option<Duration>) -> Duration {
    let often = watchdog.map_or(STATUS_INTERVAL, |time| time / 3);
    often.clamp(Duration::from_millis(1), STATUS_INTERVAL)
}

/// A line for `systemctl status`.
fn status(report: &ReadinessReport) -> String {
    if !report.database {
        return "Not ready: the database does not answer".to_owned();
    }
    if report.keys != Some(true) {
        return "Not ready: the key that seals is not in the folder of keys".to_owned();
    }
    let oldest = report.oldest.map(|age| age.as_secs());
    let oldest = oldest.map_or_else(
        || "no mail waits".to_owned(),
        |age| format!("the oldest mail waits for {age} s"),
    );
    match report.delivery {
        DeliveryPulse::Stuck => "Not ready: delivery takes no mail from the queue".to_owned(),
        DeliveryPulse::Running => format!("Delivering; {oldest}"),
        DeliveryPulse::Off => format!("Accepting mail; {oldest}"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::thread;

    use super::*;

    const WORKS: ReadinessReport = ReadinessReport {
        database: true,
        keys: Some(true),
        delivery: DeliveryPulse::Running,
        oldest: Some(Duration::from_secs(90)),
    };

    /// A manager, and the socket that it listens on.
    struct TestManager {
        manager: ServiceManager,
        listens: UnixDatagram,
        folder: tempfile::TempDir,
    }

    impl TestManager {
        fn path(&self) -> PathBuf {
            self.folder.path().join("notify")
        }

        fn with(watchdog: Option<Duration>) -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("notify");
            let listens = UnixDatagram::bind(&path).expect("a socket");
            let time = Some(Duration::from_secs(10));
            listens.set_read_timeout(time).expect("a time limit");
            let socket = ManagerSocket::open(path.as_os_str()).expect("a socket");
            Self {
                manager: ServiceManager {
                    socket: Some(Arc::new(socket)),
                    watchdog,
                },
                listens,
                folder,
            }
        }
    }

    fn next(listens: &UnixDatagram) -> String {
        let mut buffer = [0; 1024];
        let length = listens.recv(&mut buffer).expect("a notification");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    #[test]
    fn a_manager_hears_of_the_start_and_the_stop() {
        let test = TestManager::with(None);
        test.manager.waiting("refused\nREADY=1");
        let waiting =
            "EXTEND_TIMEOUT_USEC=900000000\nSTATUS=Waiting for PostgreSQL: refused READY=1";
        assert_eq!(next(&test.listens), waiting);
        test.manager.ready();
        assert_eq!(next(&test.listens), "READY=1");
        test.manager.stopping();
        assert!(next(&test.listens).starts_with("STOPPING=1\nSTATUS=Stopping"));
        ServiceManager::default().ready();
    }

    #[test]
    fn a_notification_waits_for_room_in_the_queue() {
        let test = TestManager::with(None);
        let others = UnixDatagram::unbound().expect("a socket");
        others.set_nonblocking(true).expect("a mode");
        let mut number = 0;
        while others.send_to(b"full", test.path()).is_ok() {
            number += 1;
        }
        let listens = test.listens.try_clone().expect("a socket");
        let reading = thread::spawn(move || {
            let texts: Vec<String> = (0..=number).map(|_| next(&listens)).collect();
            texts.last().cloned()
        });
        test.manager.ready();
        let last = reading.join().expect("notifications");
        assert_eq!(last.as_deref(), Some("READY=1"));
    }

    #[test]
    fn the_watchdog_acts_where_delivery_is_stuck() {
        let test = TestManager::with(Some(Duration::from_secs(30)));
        for (report, is_alive) in [
            (WORKS, true),
            (
                ReadinessReport {
                    delivery: DeliveryPulse::Off,
                    ..WORKS
                },
                true,
            ),
            (
                ReadinessReport {
                    keys: Some(false),
                    ..WORKS
                },
                true,
            ),
            (
                ReadinessReport {
                    database: false,
                    keys: None,
                    oldest: None,
                    ..WORKS
                },
                true,
            ),
            (
                ReadinessReport {
                    delivery: DeliveryPulse::Stuck,
                    ..WORKS
                },
                false,
            ),
        ] {
            test.manager.report(&report);
            let text = next(&test.listens);
            assert!(text.starts_with("STATUS="), "{text}");
            assert_eq!(text.ends_with("\nWATCHDOG=1"), is_alive, "{text}");
        }
    }

    #[test]
    fn a_manager_may_listen_at_an_abstract_name() {
        let name = format!("postern-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let listens = UnixDatagram::bind_addr(&address).expect("a socket");
        let socket = ManagerSocket::open(OsStr::new(&format!("@{name}"))).expect("a socket");
        let manager = ServiceManager {
            socket: Some(Arc::new(socket)),
            watchdog: None,
        };
        manager.ready();
        assert_eq!(next(&listens), "READY=1");
        assert!(ManagerSocket::open(OsStr::new("notify")).is_err());
    }

    #[test]
    fn a_watchdog_is_for_the_process_that_it_names() {
        let time = Some(Duration::from_secs(30));
        for (microseconds, pid, expected) in [
            (Some("30000000"), None, time),
            (Some("30000000"), Some("7"), time),
            (Some("30000000"), Some("8"), None),
            (Some("0"), None, None),
            (Some("soon"), None, None),
            (None, Some("7"), None),
        ] {
            let found = watchdog(microseconds, pid, 7);
            assert_eq!(found, expected, "{microseconds:?} {pid:?}");
        }
        assert_eq!(report_interval(time), Duration::from_secs(10));
        assert_eq!(report_interval(None), STATUS_INTERVAL);
        let long = Some(Duration::from_secs(3600));
        assert_eq!(report_interval(long), STATUS_INTERVAL);
    }

    #[test]
    fn the_status_says_what_fails_first() {
        assert_eq!(status(&WORKS), "Delivering; the oldest mail waits for 90 s");
        for (report, begins) in [
            (
                ReadinessReport {
                    database: false,
                    keys: None,
                    ..WORKS
                },
                "Not ready: the database",
            ),
            (
                ReadinessReport {
                    keys: Some(false),
                    ..WORKS
                },
                "Not ready: the key",
            ),
            (
                ReadinessReport {
                    delivery: DeliveryPulse::Off,
                    oldest: None,
                    ..WORKS
                },
                "Accepting mail; no mail waits",
            ),
        ] {
            let status = status(&report);
            assert!(status.starts_with(begins), "{status}");
        }
    }
}
