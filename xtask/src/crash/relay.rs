//! The relay of the crashes: it remembers what it took, and after how many crashes.

use super::{
    ledger::{Receipt, numbers},
    producers::SubmissionLog,
};
use crate::rig::{
    sink::{Mail, Sink},
    until,
};
use anyhow::{Result, bail};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// How long it may take to read what the dead had sent.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct CrashRelay {
    pub sink: Sink,
    receipts: Arc<Mutex<Vec<Receipt>>>,
    crashes: Arc<AtomicUsize>,
}

impl CrashRelay {
    pub fn start(shared: &Arc<SubmissionLog>) -> Result<Self> {
        let receipts: Arc<Mutex<Vec<Receipt>>> = Arc::default();
        let crashes: Arc<AtomicUsize> = Arc::default();
        let (list, count, shared) = (receipts.clone(), crashes.clone(), Arc::clone(shared));
        let sink = Sink::start(move |mail| {
            let now = count.load(Ordering::Acquire);
            let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
            for one in taken(mail, now) {
                shared.receipts.fetch_add(1, Ordering::Relaxed);
                list.push(one);
            }
        })?;
        Ok(Self {
            sink,
            receipts,
            crashes,
        })
    }

    pub fn receipts(&self) -> Vec<Receipt> {
        let receipts = self.receipts.lock().unwrap_or_else(PoisonError::into_inner);
        receipts.clone()
    }

    /// Once all is read that the dead had sent, what comes comes after one crash more.
    pub fn crashed(&self) -> Result<()> {
        let pause = Duration::from_millis(1);
        if !until(PATIENCE, pause, || self.sink.has_heard_all()) {
            bail!("connections outlive the Postern that was killed");
        }
        self.crashes.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }
}

/// A transaction as the ledger knows it.
fn taken(mail: &Mail<'_>, crashes: usize) -> Vec<Receipt> {
    let mut recipients: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for address in mail.recipients {
        // What is not to one of our addresses is the mail number 0, which nobody handed over.
        let (number, recipient) = numbers(address).unwrap_or((0, 0));
        recipients.entry(number).or_default().push(recipient);
    }
    let receipts = recipients.into_iter().map(|(number, recipients)| Receipt {
        number,
        recipients,
        message: message_id(mail.content),
        connection: mail.connection,
        crashes,
    });
    receipts.collect()
}

/// Empty for a mail that has none.
fn message_id(content: &[u8]) -> String {
    let content = String::from_utf8_lossy(content);
    let header = content.lines().take_while(|line| !line.is_empty());
    let fields = header.filter_map(|line| line.split_once(':'));
    let mut ids = fields.filter(|(name, _)| name.eq_ignore_ascii_case("message-id"));
    ids.next()
        .map(|(_, id)| id.trim().to_owned())
        .unwrap_or_default()
}
