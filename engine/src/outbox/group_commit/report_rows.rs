//! The recipients that a commit reports to the senders of their messages.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use domain::Timestamp;
use domain::mail::dsn::MessageDsn;
use domain::outbox::{
    EventKind, RecipientState, ReportCause, ReportedResult, WantedReports, is_delayed,
    remaining_lifetime,
};

use crate::store::delivery::events;
use crate::store::recipients::{self, Recipient, RecipientKey, SettledRecipient};
use crate::store::{Connection, StoreError, messages, search};

/// What is reported of a recipient that was not tried yet.
const NOT_TRIED: &str = "no relay takes mail at present";

/// A recipient to report.
pub(super) struct ReportRow {
    pub key: RecipientKey,
    /// Host and port of the relay of the last attempt; empty without one.
    pub relay: String,
    pub result: Arc<ReportedResult>,
    pub last_attempt: Option<Timestamp>,
    pub retry_until: Option<Timestamp>,
}

impl ReportRow {
    fn of(settled: &SettledRecipient, now: Timestamp) -> Option<Self> {
        let result = settled.report.clone()?;
        Some(Self {
            key: settled.key.clone(),
            relay: settled.relay.clone(),
            last_attempt: (!settled.relay.is_empty()).then_some(result.at),
            retry_until: settled
                .due
                .map(|_| now + remaining_lifetime(settled.attempts)),
            result,
        })
    }

    /// A recipient that waits, as delayed.
    fn delayed(
        row: Recipient,
        message_id: &str,
        last_attempt: Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        let relay = row.relay.unwrap_or_default();
        let replied = row
            .reply
            .filter(|reply| !reply.is_empty() && !relay.is_empty());
        Self {
            key: RecipientKey {
                message_id: message_id.to_owned(),
                position: row.position,
            },
            relay,
            result: Arc::new(ReportedResult {
                cause: ReportCause::Delayed,
                address: row.address,
                diagnostic: replied.unwrap_or_else(|| NOT_TRIED.to_owned()),
                at: now,
            }),
            last_attempt,
            retry_until: Some(now + remaining_lifetime(row.attempts)),
        }
    }
}

/// The recipients to report, by message and position.
#[derive(Default)]
pub(super) struct ReportRows(BTreeMap<String, BTreeMap<i64, ReportRow>>);

impl ReportRows {
    /// The results that are to be reported, of those that are written.
    pub fn of<'a>(settled: impl Iterator<Item = &'a SettledRecipient>, now: Timestamp) -> Self {
        let mut rows = Self::default();
        for row in settled.filter_map(|settled| ReportRow::of(settled, now)) {
            rows.add(row);
        }
        rows
    }

    fn add(&mut self, row: ReportRow) {
        let rows = self.0.entry(row.key.message_id.clone()).or_default();
        // A result that is being written says more than that the recipient waits.
        rows.entry(row.key.position).or_insert(row);
    }

    /// Adds the recipients of a message that are delayed, if its sender asks for it. Locked rows are
    /// skipped: they are being settled.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn add_delays(
        &mut self,
        work: &mut Connection,
        skip_locked: &str,
        id: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let message = messages::by_id(work, id).await?;
        let dsn = message.and_then(|message| message.dsn);
        let dsn = dsn.as_deref().and_then(MessageDsn::from_json);
        let Some(dsn) = dsn.filter(|_| is_delayed(search::accepted(id), now)) else {
            return Ok(());
        };
        let waiting = recipients::lock_waiting(work, skip_locked, id).await?;
        let waiting: HashSet<i64> = waiting.into_iter().collect();
        let events = events::of_message(work, id).await?;
        for row in recipients::of_message(work, id).await? {
            let position = usize::try_from(row.position).unwrap_or(usize::MAX);
            let is_waiting = waiting.contains(&row.position)
                && matches!(row.state, RecipientState::Queued | RecipientState::Deferred);
            if is_waiting && WantedReports::of(&dsn, position).contains(ReportCause::Delayed) {
                let of_row = events.iter().filter(|entry| {
                    entry.position == row.position && entry.event.kind == EventKind::Deferred
                });
                let last_attempt = of_row.map(|entry| entry.event.at).max();
                self.add(ReportRow::delayed(row, id, last_attempt, now));
            }
        }
        Ok(())
    }

    /// The rows of each message, without delays whose recipient was reported before: a delay is
    /// reported once.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn unreported(
        self,
        work: &mut Connection,
    ) -> Result<BTreeMap<String, Vec<ReportRow>>, StoreError> {
        let mut unreported = BTreeMap::new();
        for (id, rows) in self.0 {
            let mut rows: Vec<ReportRow> = rows.into_values().collect();
            let is_delay = |row: &ReportRow| row.result.cause == ReportCause::Delayed;
            if rows.iter().any(is_delay) {
                let known = events::reported(work, &id).await?;
                rows.retain(|row| !is_delay(row) || !known.contains(&row.key.position));
            }
            if !rows.is_empty() {
                unreported.insert(id, rows);
            }
        }
        Ok(unreported)
    }
}
