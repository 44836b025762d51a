//! The relay of the crash runs: records mails and reports with the phase of the run.

use super::{
    duplicates::Phase,
    ledger::{REFUSED, Receipt, Submission, missing_recipients, numbers, sender},
    producers::SubmissionLog,
};
use crate::rig::{chunking_relay, until};
use anyhow::{Result, bail};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::sleep,
    time::{Duration, Instant},
};
use testkit::{Relay, Transaction};

/// Limit for reading what a killed Postern had sent.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// The time for each mail of a connection while the relay is slow.
const SLOW: Duration = Duration::from_millis(500);

/// The reply to recipients that it refuses.
const REFUSAL: &str = "550 5.1.1 No such user";

pub struct CrashRelay {
    pub relay: Relay,
    /// Number of mails that this relay received.
    received: Arc<AtomicUsize>,
    receipts: Arc<Mutex<Vec<Receipt>>>,
    phase: Arc<Mutex<Phase>>,
    /// When the first relay of the record started.
    began: Instant,
    /// Whether each mail takes [`SLOW`].
    is_slow: Arc<AtomicBool>,
}

impl CrashRelay {
    pub fn start(shared: &Arc<SubmissionLog>) -> Result<Self> {
        Self::recording(shared, Arc::default(), Arc::default(), Instant::now())
    }

    /// Starts another relay with the same record.
    pub fn beside(&self, shared: &Arc<SubmissionLog>) -> Result<Self> {
        let (receipts, phase) = (self.receipts.clone(), self.phase.clone());
        Self::recording(shared, receipts, phase, self.began)
    }

    fn recording(
        shared: &Arc<SubmissionLog>,
        receipts: Arc<Mutex<Vec<Receipt>>>,
        phase: Arc<Mutex<Phase>>,
        began: Instant,
    ) -> Result<Self> {
        let received: Arc<AtomicUsize> = Arc::default();
        let is_slow: Arc<AtomicBool> = Arc::default();
        let (list, current, shared) = (receipts.clone(), phase.clone(), Arc::clone(shared));
        let (own, slow) = (received.clone(), is_slow.clone());
        let script = chunking_relay().refuse(REFUSED, REFUSAL);
        let relay = Relay::with_callback(script, move |mail| {
            {
                let now = *current.lock();
                let mut list = list.lock();
                own.fetch_add(1, Ordering::Relaxed);
                for one in receipts_of(mail, now, began.elapsed()) {
                    // A mail is counted with its first recipient: the others may be reported by themselves.
                    let first = one.recipients.contains(&1);
                    shared
                        .receipts
                        .fetch_add(u64::from(first), Ordering::Relaxed);
                    list.push(one);
                }
            }
            if slow.load(Ordering::Relaxed) {
                sleep(SLOW);
            }
        })?;
        Ok(Self {
            relay,
            received,
            receipts,
            phase,
            began,
            is_slow,
        })
    }

    /// Makes mail wait in front of this relay, or ends that.
    pub fn slow_down(&self, is_slow: bool) {
        self.is_slow.store(is_slow, Ordering::Relaxed);
    }

    /// Number of mails that this relay received.
    pub fn received(&self) -> usize {
        self.received.load(Ordering::Relaxed)
    }

    /// Number of recipients of acknowledged mails that have received nothing yet.
    pub fn missing(&self, submissions: &[Submission]) -> usize {
        missing_recipients(submissions, &self.receipts())
    }

    pub fn receipts(&self) -> Vec<Receipt> {
        self.receipts.lock().clone()
    }

    /// Reads all that the killed Postern had sent, then counts one more crash.
    pub fn crashed(&self) -> Result<()> {
        let pause = Duration::from_millis(1);
        if !until(DRAIN_TIMEOUT, pause, || self.relay.has_read_everything()) {
            bail!("connections of the killed Postern are still open");
        }
        self.count_crash();
        Ok(())
    }

    /// Counts one more crash: what arrives a second time from now on is its duplicate.
    pub fn count_crash(&self) {
        self.enter(Phase::crashed);
    }

    /// Counts one more crash: a node is suspended.
    pub fn count_suspension(&self) {
        self.enter(Phase::suspended);
    }

    /// The suspended node goes on. What it had begun to send, and others have sent meanwhile, are duplicates of
    /// its suspension.
    pub fn count_resumption(&self) {
        self.enter(Phase::resumed);
    }

    fn enter(&self, next: fn(Phase) -> Phase) {
        let mut phase = self.phase.lock();
        *phase = next(*phase);
    }
}

/// The receipts of one transaction.
fn receipts_of(mail: &Transaction<'_>, phase: Phase, at: Duration) -> Vec<Receipt> {
    let is_report = mail.from.is_empty();
    let mut recipients: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    let results = match is_report {
        true => reported(mail),
        false => received(mail),
    };
    for (number, recipient) in results {
        recipients.entry(number).or_default().push(recipient);
    }
    let receipts = recipients.into_iter().map(|(number, recipients)| Receipt {
        number,
        recipients,
        is_report,
        message: message_id(mail.content),
        phase,
        at,
    });
    receipts.collect()
}

/// An unknown address counts as one of mail 0, which is never submitted.
const UNKNOWN: (u64, u64) = (0, 0);

/// Mail number and index of each recipient.
fn received(mail: &Transaction<'_>) -> Vec<(u64, u64)> {
    let numbers = |address: &String| numbers(address).unwrap_or(UNKNOWN);
    mail.recipients.iter().map(numbers).collect()
}

/// Mail number and index of each recipient that a report to the sender of that mail names as failed
/// (RFC 3464 section 2.3).
fn reported(mail: &Transaction<'_>) -> Vec<(u64, u64)> {
    let content = String::from_utf8_lossy(mail.content);
    let mut action_is_failed = true;
    let mut named = Vec::new();
    for line in content.lines() {
        if let Some(address) = line.strip_prefix("Final-Recipient: rfc822; ") {
            let of_sender = |(number, _): &(u64, u64)| mail.recipients == [sender(*number)];
            named.push(numbers(address).filter(of_sender).unwrap_or(UNKNOWN));
        } else if let Some(action) = line.strip_prefix("Action: ") {
            action_is_failed &= action == "failed";
        }
    }
    match named.is_empty() || !action_is_failed {
        true => vec![UNKNOWN],
        false => named,
    }
}

/// The Message-ID of a mail; empty if it has none.
fn message_id(content: &[u8]) -> String {
    let content = String::from_utf8_lossy(content);
    let header = content.lines().take_while(|line| !line.is_empty());
    let fields = header.filter_map(|line| line.split_once(':'));
    let mut ids = fields.filter(|(name, _)| name.eq_ignore_ascii_case("message-id"));
    ids.next()
        .map(|(_, id)| id.trim().to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    /// Number and recipients of the receipts of a mail.
    fn receipts(from: &str, to: &str, content: &str) -> Vec<(u64, Vec<u64>)> {
        let mail = Transaction {
            relay: IpAddr::V4(Ipv4Addr::LOCALHOST),
            from,
            recipients: &[to.to_owned()],
            content: content.as_bytes(),
        };
        let receipts = receipts_of(&mail, Phase::default(), Duration::ZERO).into_iter();
        let parts = |one: Receipt| {
            assert_eq!(one.is_report, from.is_empty());
            (one.number, one.recipients)
        };
        receipts.map(parts).collect()
    }

    #[test]
    fn a_report_names_recipients_of_the_mail_of_its_sender() {
        let report = "Message-ID: <a@b>\r\n\r\n\
                      Final-Recipient: rfc822; refused-n7-1@example.net\r\nAction: failed\r\n\r\n\
                      Final-Recipient: rfc822; refused-n7-2@example.net\r\nAction: failed\r\n";
        let found = receipts("", "s7@example.org", report);
        assert_eq!(found, [(7, vec![1, 2])]);
        let other = receipts("", "s8@example.org", report);
        assert_eq!(other, [(0, vec![0, 0])]);
        let delayed = report.replace("failed", "delayed");
        for content in [delayed.as_str(), "Subject: A"] {
            let found = receipts("", "s7@example.org", content);
            assert_eq!(found, [(0, vec![0])], "{content}");
        }
    }

    #[test]
    fn a_mail_is_known_by_its_recipients() {
        for (to, expected) in [
            ("n7-2@example.net", (7, vec![2])),
            ("s7@example.org", (0, vec![0])),
        ] {
            assert_eq!(receipts("s7@example.org", to, "Subject: A"), [expected]);
        }
    }
}
