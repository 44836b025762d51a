//! The transaction of a group commit: the requests in it, each kind in as few statements as can be.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use domain::outbox::EventKind;

use super::figures::{FigureShard, Tally};
use super::message_events;
use super::placement::Placement;
use super::quotas::{Quotas, holders};
use super::report_rows::ReportRows;
use super::reports;
use super::request::{CommittedResults, ControlState, NewMessage, WriteRequest, WriteResult};
use crate::domains::LastDkimSigners;
use crate::store::accounts::sending_limits;
use crate::store::delivery::{events, suppressions};
use crate::store::messages::idempotency::{self, IdempotencyKey, StoredAnswer};
use crate::store::messages::opens::{self, TrackedMessage};
use crate::store::messages::{self, MessageRow};
use crate::store::recipients::{
    self, ClaimedRecipient, NewRecipient, OwnedResult, RecipientKey, SettledRecipient,
};
use crate::store::{Connection, Store, StoreError, UnitOfWork, audit, commit, figures};

/// How long an idempotency key is answered with its first answer.
pub const KEY_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// A transaction in which all is written but the results of attempts.
struct BegunCommit {
    work: UnitOfWork,
    control: ControlState,
    results: Vec<WriteResult>,
}

/// Writes all requests in one transaction. `signers` sign reports. What is counted is added to `shard`.
pub(super) async fn write(
    store: &Store,
    signers: &LastDkimSigners,
    hold_mail: bool,
    requests: &[Arc<WriteRequest>],
    shard: &FigureShard,
    now: Timestamp,
) -> Result<CommittedResults, StoreError> {
    let mut begun = begin(store, hold_mail, requests, now).await?;
    let mut written = settle(&mut begun.work, requests, HeldLeases::All).await?;
    if written.is_none() {
        // Once more, for the rows whose leases are still held.
        begun.work.rollback().await?;
        begun = begin(store, hold_mail, requests, now).await?;
        written = settle(&mut begun.work, requests, HeldLeases::NotAll).await?;
    }
    let BegunCommit {
        mut work,
        control,
        mut results,
    } = begun;
    let written = written.unwrap_or_default();
    let mut reported = ReportRows::of(written.iter().map(|row| row.result), now);
    for request in requests {
        if let WriteRequest::ReportDelays(ids) = &**request {
            for id in ids {
                let skip_locked = store.skip_locked();
                reported.add_delays(&mut work, skip_locked, id, now).await?;
            }
        }
    }
    let sent = reports::write(&mut work, reported, signers, control, now).await?;
    let mut reporting = requests.iter().zip(&mut results);
    if let Some((_, result)) = reporting.find(|(request, _)| request.has_reports()) {
        result.reports = sent.len();
    }
    let settled = written.iter().map(|row| row.result).collect();
    let events = message_events::write(&mut work, settled, now).await?;
    let mut tally = Tally::default();
    count_accepted(&mut tally, requests, &results);
    for new in &sent {
        tally.accepted(&new.message, new.recipients.len());
    }
    for row in written {
        tally.settled(row.result);
        if row.is_deferred {
            tally.deferred(row.result);
        }
    }
    let counted = shard.add(tally, now);
    figures::write(&mut work, &counted.at, &counted.rows).await?;
    // Last: it locks the chain of this node.
    for request in requests {
        if let WriteRequest::Audit(entries) = &**request {
            audit::add(&mut work, entries).await?;
        }
    }
    commit(work).await?;
    Ok(CommittedResults {
        results,
        counted,
        events,
    })
}

/// Counts the messages that are inserted.
fn count_accepted<'a>(
    tally: &mut Tally<'a>,
    requests: &'a [Arc<WriteRequest>],
    results: &[WriteResult],
) {
    for (request, result) in requests.iter().zip(results) {
        if let WriteRequest::Accept { messages, .. } = &**request
            && result.is_accepted()
        {
            for new in messages.iter() {
                tally.accepted(&new.message, new.recipients.len());
            }
        }
    }
}

/// Begins a transaction, and writes all requests in it but the results of attempts.
async fn begin(
    store: &Store,
    hold_mail: bool,
    requests: &[Arc<WriteRequest>],
    now: Timestamp,
) -> Result<BegunCommit, StoreError> {
    let mut work = store.begin_by_key().await?;
    let control = ControlState::read(&mut work, hold_mail, now).await?;
    let new = |request: &Arc<WriteRequest>| WriteResult::new(control, request);
    let mut results: Vec<WriteResult> = requests.iter().map(new).collect();
    for (request, result) in requests.iter().zip(&mut results) {
        if let WriteRequest::Accept {
            messages,
            key: Some(key),
            ..
        } = &**request
            && !result.is_outdated
        {
            result.earlier = earlier_answer(&mut work, key, messages, now).await?;
        }
    }
    count(&mut work, store.for_update(), requests, &mut results, now).await?;
    insert(&mut work, requests, &mut results, now).await?;
    for (request, result) in requests.iter().zip(&mut results) {
        lease(&mut work, store.skip_locked(), request, result, now).await?;
    }
    let claimed = results.iter_mut().flat_map(|result| &mut result.claimed);
    suppressions::mark(&mut work, claimed, now).await?;
    Ok(BegunCommit {
        work,
        control,
        results,
    })
}

/// The earlier answer to a key; without one, stores the answer that these messages get.
async fn earlier_answer(
    work: &mut Connection,
    key: &IdempotencyKey,
    messages: &[NewMessage],
    now: Timestamp,
) -> Result<Option<StoredAnswer>, StoreError> {
    let expired = now - KEY_LIFETIME;
    idempotency::forget_old(work, key, expired).await?;
    if idempotency::add(work, key, &ids_of(messages), now).await? {
        return Ok(None);
    }
    idempotency::answer(work, key, expired).await
}

/// Counts messages for the accounts and tokens with limits, or refuses them; the answer to the key of a
/// refused request is forgotten, so that it can come again.
async fn count(
    work: &mut Connection,
    for_update: &str,
    requests: &[Arc<WriteRequest>],
    results: &mut [WriteResult],
    now: Timestamp,
) -> Result<(), StoreError> {
    let holders = holders(requests);
    if holders.is_empty() {
        return Ok(());
    }
    let mut quotas = Quotas::new(sending_limits::load(work, for_update, &holders).await?);
    for (request, result) in requests.iter().zip(results) {
        let WriteRequest::Accept {
            messages,
            key,
            counted,
            ..
        } = &**request
        else {
            continue;
        };
        if !result.is_accepted() {
            continue;
        }
        result.refused = quotas.take(counted, messages.len(), now);
        if let (Some(_), Some(key)) = (result.refused, key) {
            idempotency::remove(work, key).await?;
        }
    }
    sending_limits::save(work, &quotas.changed()).await
}

/// The ids of messages, as an answer is stored.
pub(super) fn ids_of(messages: &[NewMessage]) -> String {
    let ids: Vec<&str> = messages.iter().map(|new| new.message.id.as_str()).collect();
    ids.join(" ")
}

/// Claims, renews or releases leases.
async fn lease(
    work: &mut Connection,
    skip_locked: &str,
    request: &WriteRequest,
    result: &mut WriteResult,
    now: Timestamp,
) -> Result<(), StoreError> {
    if let Some(claim) = request.as_claim(now).filter(|_| !result.control.paused) {
        result.claimed = recipients::claim(work, skip_locked, claim).await?;
    }
    if let Some(change) = request.as_lease_change() {
        let keys = recipients::change_leases(work, skip_locked, change).await?;
        if change.renew {
            result.renewed = keys;
        }
    }
    Ok(())
}

/// Inserts messages, but for those whose key was answered before, and those beyond a limit.
async fn insert(
    work: &mut Connection,
    requests: &[Arc<WriteRequest>],
    results: &mut [WriteResult],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut new: Vec<(&MessageRow, &[u8])> = Vec::new();
    let mut tracked: Vec<TrackedMessage<'_>> = Vec::new();
    let mut rows: Vec<NewRecipient<'_>> = Vec::new();
    let mut leased: Vec<(usize, Range<usize>)> = Vec::new();
    for (index, (request, result)) in requests.iter().zip(&*results).enumerate() {
        let WriteRequest::Accept {
            messages, lease, ..
        } = &**request
        else {
            continue;
        };
        if !result.is_accepted() {
            continue;
        }
        let placement = Placement::new(lease.as_ref(), result.control.paused, now);
        let first = rows.len();
        for message in messages.iter() {
            new.push((&message.message, &message.bytes));
            tracked.extend(message.tracked());
            rows.extend(placement.rows(message));
        }
        if rows[first..].iter().any(|row| row.owner.is_some()) {
            leased.push((index, first..rows.len()));
        }
    }
    messages::add(work, &new).await?;
    opens::add(work, &tracked).await?;
    recipients::add(work, &rows).await?;
    for (index, range) in leased {
        results[index].claimed = rows[range].iter().map(ClaimedRecipient::inserted).collect();
    }
    Ok(())
}

/// Whether the leases of all results are still held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HeldLeases {
    /// They are, as nearly always: the number of rows that are written shows it.
    All,
    /// Some are not: the rows that are written are returned.
    NotAll,
}

/// A result that is written, because its lease was still held.
struct WrittenResult<'a> {
    result: &'a SettledRecipient,
    /// Another attempt follows.
    is_deferred: bool,
}

impl<'a> WrittenResult<'a> {
    fn of(row: OwnedResult<'a>) -> Self {
        Self {
            result: row.result,
            is_deferred: false,
        }
    }
}

/// Writes the results of attempts, and returns those whose leases are still held; `None` where some are not
/// although all should be. Events of the others are dropped: the worker that has the lease writes its own.
async fn settle<'a>(
    work: &mut Connection,
    requests: &'a [Arc<WriteRequest>],
    leases: HeldLeases,
) -> Result<Option<Vec<WrittenResult<'a>>>, StoreError> {
    let (mut without_events, mut with_events) = (Vec::new(), Vec::new());
    for request in requests {
        if let WriteRequest::Settle {
            owner,
            settled,
            events,
            ..
        } = &**request
        {
            let rows = match events.is_empty() {
                true => &mut without_events,
                false => &mut with_events,
            };
            rows.extend(settled.iter().map(|result| OwnedResult { owner, result }));
        }
    }
    let returning = leases == HeldLeases::NotAll;
    let rows = recipients::settle(work, &without_events, returning).await?;
    if !returning && rows.number < without_events.len() {
        return Ok(None);
    }
    if returning {
        without_events = only(without_events, rows.keys);
    }
    let rows = recipients::settle(work, &with_events, true).await?;
    let mut with_events: HashMap<&RecipientKey, WrittenResult<'a>> = only(with_events, rows.keys)
        .into_iter()
        .map(|row| (&row.result.key, WrittenResult::of(row)))
        .collect();
    for request in requests {
        let WriteRequest::Settle {
            events,
            suppressions,
            suppression_limit,
            ..
        } = &**request
        else {
            continue;
        };
        let events: Vec<events::NewEvent> = events
            .iter()
            .filter(|entry| with_events.contains_key(&entry.key))
            .cloned()
            .collect();
        for entry in &events {
            if let Some(row) = with_events.get_mut(&entry.key) {
                row.is_deferred |= entry.event.kind == EventKind::Deferred;
            }
        }
        events::add(work, &events).await?;
        for address in suppressions {
            if events
                .iter()
                .any(|entry| entry.key.message_id == address.id)
            {
                suppressions::add(work, address, *suppression_limit).await?;
            }
        }
    }
    let written = without_events.into_iter().map(WrittenResult::of);
    Ok(Some(written.chain(with_events.into_values()).collect()))
}

/// Those of the results that are written to rows with these keys, each key once.
fn only(mut results: Vec<OwnedResult<'_>>, keys: Vec<RecipientKey>) -> Vec<OwnedResult<'_>> {
    let mut keys: HashSet<RecipientKey> = keys.into_iter().collect();
    results.retain(|row| keys.remove(&row.result.key));
    results
}
