//! The relay of the crash runs: records each mail with the number of crashes before it.

use super::{
    ledger::{Receipt, Submission, missing_recipients, numbers},
    producers::SubmissionLog,
};
use crate::rig::{chunking_relay, until};
use anyhow::{Result, bail};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::sleep,
    time::Duration,
};
use testkit::{Relay, Transaction};

/// Limit for reading what a killed Postern had sent.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// The time for each mail of a connection while the relay is slow.
const SLOW: Duration = Duration::from_millis(500);

pub struct CrashRelay {
    pub relay: Relay,
    /// Number of mails that this relay received.
    received: Arc<AtomicUsize>,
    receipts: Arc<Mutex<Vec<Receipt>>>,
    crashes: Arc<AtomicUsize>,
    /// Whether each mail takes [`SLOW`].
    is_slow: Arc<AtomicBool>,
}

impl CrashRelay {
    pub fn start(shared: &Arc<SubmissionLog>) -> Result<Self> {
        Self::recording(shared, Arc::default(), Arc::default())
    }

    /// Starts another relay with the same record.
    pub fn beside(&self, shared: &Arc<SubmissionLog>) -> Result<Self> {
        Self::recording(shared, self.receipts.clone(), self.crashes.clone())
    }

    fn recording(
        shared: &Arc<SubmissionLog>,
        receipts: Arc<Mutex<Vec<Receipt>>>,
        crashes: Arc<AtomicUsize>,
    ) -> Result<Self> {
        let received: Arc<AtomicUsize> = Arc::default();
        let is_slow: Arc<AtomicBool> = Arc::default();
        let (list, count, shared) = (receipts.clone(), crashes.clone(), Arc::clone(shared));
        let (own, slow) = (received.clone(), is_slow.clone());
        let relay = Relay::with_callback(chunking_relay(), move |mail| {
            {
                let now = count.load(Ordering::Acquire);
                let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
                own.fetch_add(1, Ordering::Relaxed);
                for one in receipts_of(mail, now) {
                    shared.receipts.fetch_add(1, Ordering::Relaxed);
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
            crashes,
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
        let receipts = self.receipts.lock().unwrap_or_else(PoisonError::into_inner);
        receipts.clone()
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
        self.crashes.fetch_add(1, Ordering::AcqRel);
    }
}

/// The receipts of one transaction.
fn receipts_of(mail: &Transaction<'_>, crashes: usize) -> Vec<Receipt> {
    let mut recipients: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for address in mail.recipients {
        // An unknown address counts as mail 0, which is never submitted.
        let (number, recipient) = numbers(address).unwrap_or((0, 0));
        recipients.entry(number).or_default().push(recipient);
    }
    let receipts = recipients.into_iter().map(|(number, recipients)| Receipt {
        number,
        recipients,
        message: message_id(mail.content),
        crashes,
    });
    receipts.collect()
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
