//! Checks of the machine: its clock and the limit of open files.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::Timestamp;
use engine::{Clock, ClockDifference};
use nix::sys::resource::{Resource, getrlimit};

use super::finding::Finding;

/// By how much clocks of nodes may differ.
const DIFFERENCE: Duration = Duration::from_secs(5);

/// A file that was written later than that after now shows that the clock is behind.
const LATER: Duration = Duration::from_secs(300);

/// With fewer descriptors there are few connections of clients.
const FEW_FILES: u64 = 4096;

/// The limit that a process may raise its own to.
pub fn open_files() -> Finding {
    const CHECK: &str = "open files";
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((_, hard)) if hard >= FEW_FILES => {
            Finding::ok(CHECK, format!("a process may have {hard}"))
        }
        Ok((_, hard)) => Finding::warning(
            CHECK,
            format!("a process may have {hard}, and half of them are for clients"),
            "raise the limit with LimitNOFILE= in the unit, or with ulimit -n",
        ),
        Err(error) => Finding::warning(
            CHECK,
            format!("the limit is not known: {error}"),
            "look at ulimit -n",
        ),
    }
}

/// The time of day, compared with the files of the folder and with the clock of the PostgreSQL server.
pub fn clock(folder: &Path, server: Option<ClockDifference>) -> Finding {
    let database = fs::metadata(folder.join("postern.db"));
    let written = database.and_then(|file| file.modified()).ok();
    judge_clock(Clock::default().now(), written, server, is_synchronised())
}

fn judge_clock(
    now: Timestamp,
    written: Option<SystemTime>,
    server: Option<ClockDifference>,
    is_synchronised: Option<bool>,
) -> Finding {
    const CHECK: &str = "clock";
    const REPAIR: &str = "synchronise it, as with: timedatectl set-ntp true";
    let time = now.rfc3339();
    let day = UNIX_EPOCH + Duration::from_millis(now.0.unsigned_abs());
    if written.is_some_and(|written| written > day + LATER) {
        let text = format!("{time} is before the database was written");
        return Finding::fault(CHECK, text, REPAIR);
    }
    if let Some(difference) = server.filter(|found| found.length() > DIFFERENCE) {
        let text = format!("{time}; PostgreSQL is {difference}, and nodes must agree");
        return Finding::fault(CHECK, text, REPAIR);
    }
    match is_synchronised {
        Some(false) => {
            let text = format!("{time}, not synchronised as far as the system knows");
            Finding::warning(CHECK, text, REPAIR)
        }
        Some(true) => Finding::ok(CHECK, format!("{time}, synchronised")),
        None => Finding::ok(CHECK, time),
    }
}

/// Whether the kernel knows its clock to be synchronised; `None` where it does not say.
#[cfg(target_env = "gnu")]
fn is_synchronised() -> Option<bool> {
    #[allow(unsafe_code, reason = "the function has no safe interface")]
    // SAFETY: all zeros are a valid `timex`, whose `modes` of 0 change nothing.
    let state = unsafe {
        let mut status: libc::timex = std::mem::zeroed();
        libc::adjtimex(&raw mut status)
    };
    match state {
        ..0 => None,
        libc::TIME_ERROR => Some(false),
        _ => Some(true),
    }
}

#[cfg(not(target_env = "gnu"))]
fn is_synchronised() -> Option<bool> {
    None
}

#[cfg(test)]
mod tests {
    use super::super::finding::FindingState;
    use super::*;

    #[test]
    fn a_clock_is_compared_with_what_is_known() {
        let now = Timestamp(1_800_000_000_000);
        let at = |seconds: u64| Some(UNIX_EPOCH + Duration::from_secs(seconds));
        let ahead = |seconds| Some(ClockDifference::Ahead(Duration::from_secs(seconds)));
        let behind = Some(ClockDifference::Behind(Duration::from_secs(6)));
        for (written, server, synchronised, expected) in [
            (at(1_800_000_100), None, Some(true), FindingState::Ok),
            (at(1_800_001_000), None, Some(true), FindingState::Fault),
            (None, ahead(4), None, FindingState::Ok),
            (None, behind, None, FindingState::Fault),
            (None, ahead(6), None, FindingState::Fault),
            (None, None, Some(false), FindingState::Warning),
        ] {
            let finding = judge_clock(now, written, server, synchronised);
            assert_eq!(finding.state, expected, "{finding:?}");
            assert!(
                finding.text.starts_with("2027-01-15T08:00:00Z"),
                "{finding:?}"
            );
        }
    }

    #[test]
    fn the_system_is_asked() {
        assert!(!open_files().text.is_empty());
        let folder = tempfile::tempdir().expect("a folder");
        assert_ne!(clock(folder.path(), None).state, FindingState::Fault);
    }
}
