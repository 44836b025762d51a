//! The transaction of a group commit: the requests in it, each kind in as few statements as can be.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;

use super::placement::Placement;
use super::quotas::{Quotas, holders};
use super::request::{ControlState, NewMessage, WriteRequest, WriteResult};
use crate::store::idempotency::{self, IdempotencyKey, StoredAnswer};
use crate::store::messages::{self, MessageRow};
use crate::store::recipients::{self, ClaimedRecipient, NewRecipient, OwnedResult, RecipientKey};
use crate::store::{
    Connection, Store, StoreError, audit, commit, delivery_events, sending_limits, suppressions,
};

/// How long an idempotency key is answered with its first answer.
pub const KEY_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Writes all requests in one transaction.
pub(super) async fn write(
    store: &Store,
    hold_mail: bool,
    requests: &[Arc<WriteRequest>],
    now: Timestamp,
) -> Result<Vec<WriteResult>, StoreError> {
    let mut work = store.begin_by_key().await?;
    let control = ControlState::read(&mut work, hold_mail, now).await?;
    let mut results: Vec<WriteResult> =
        requests.iter().map(|_| WriteResult::new(control)).collect();
    for (request, result) in requests.iter().zip(&mut results) {
        if let WriteRequest::Accept {
            messages,
            key: Some(key),
            ..
        } = &**request
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
    settle(&mut work, requests).await?;
    for request in requests {
        if let WriteRequest::Audit(entries) = &**request {
            audit::add(&mut work, entries).await?;
        }
    }
    commit(work).await?;
    Ok(results)
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
        if result.earlier.is_some() {
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
            rows.extend(placement.rows(message));
        }
        if rows[first..].iter().any(|row| row.owner.is_some()) {
            leased.push((index, first..rows.len()));
        }
    }
    messages::add(work, &new).await?;
    recipients::add(work, &rows).await?;
    for (index, range) in leased {
        results[index].claimed = rows[range].iter().map(ClaimedRecipient::inserted).collect();
    }
    Ok(())
}

/// Writes the results of attempts. Events of recipients whose lease was lost meanwhile are dropped:
/// the worker that has it writes its own.
async fn settle(work: &mut Connection, requests: &[Arc<WriteRequest>]) -> Result<(), StoreError> {
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
    recipients::settle(work, &without_events, false).await?;
    let keys = recipients::settle(work, &with_events, true).await?;
    let keys: HashSet<RecipientKey> = keys.into_iter().collect();
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
        let events: Vec<delivery_events::NewEvent> = events
            .iter()
            .filter(|entry| keys.contains(&entry.key))
            .cloned()
            .collect();
        delivery_events::add(work, &events).await?;
        for address in suppressions {
            if events
                .iter()
                .any(|entry| entry.key.message_id == address.id)
            {
                suppressions::add(work, address, *suppression_limit).await?;
            }
        }
    }
    Ok(())
}
