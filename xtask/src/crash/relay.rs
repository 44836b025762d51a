//! The relay of the crash runs: records each mail with the number of crashes before it.

use super::{
    ledger::{Receipt, numbers},
    producers::SubmissionLog,
};
use crate::rig::{chunking_relay, until};
use anyhow::{Result, bail};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use testkit::{Relay, Transaction};

/// Limit for reading what a killed Postern had sent.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

pub struct CrashRelay {
    pub relay: Relay,
    receipts: Arc<Mutex<Vec<Receipt>>>,
    crashes: Arc<AtomicUsize>,
}

impl CrashRelay {
    pub fn start(shared: &Arc<SubmissionLog>) -> Result<Self> {
        let receipts: Arc<Mutex<Vec<Receipt>>> = Arc::default();
        let crashes: Arc<AtomicUsize> = Arc::default();
        let (list, count, shared) = (receipts.clone(), crashes.clone(), Arc::clone(shared));
        let relay = Relay::with_callback(chunking_relay(), move |mail| {
            let now = count.load(Ordering::Acquire);
            let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
            for one in receipts_of(mail, now) {
                shared.receipts.fetch_add(1, Ordering::Relaxed);
                list.push(one);
            }
        })?;
        Ok(Self {
            relay,
            receipts,
            crashes,
        })
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
        self.crashes.fetch_add(1, Ordering::AcqRel);
        Ok(())
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
