//! The transaction of a group commit on SQLite, with statements that stay prepared.

use std::collections::HashMap;
use std::sync::Arc;

use domain::Timestamp;
use domain::outbox::EventKind;

use super::figures::{FigureShard, Tally};
use super::placement::Placement;
use super::quotas::{Quotas, holders};
use super::request::{CommittedResults, ControlState, WriteRequest, WriteResult};
use super::transaction::{KEY_LIFETIME, ids_of};
use crate::store::accounts::sending_limits;
use crate::store::database::direct::DirectTransaction;
use crate::store::delivery::{events, suppressions};
use crate::store::messages::{self, idempotency, opens};
use crate::store::recipients::{
    self, ClaimedRecipient, NewRecipient, RecipientKey, SettledRecipient,
};
use crate::store::{StoreError, figures};

/// Whether [`write`] can write a request. Others are rare.
pub(super) fn can_write(request: &WriteRequest) -> bool {
    match request {
        WriteRequest::Settle {
            settled,
            suppressions,
            ..
        } => {
            let is_told = |row: &SettledRecipient| row.report.is_some() || row.event.is_some();
            suppressions.is_empty() && !settled.iter().any(is_told)
        }
        WriteRequest::ReportDelays(_) | WriteRequest::Audit(_) => false,
        _ => true,
    }
}

/// Writes the requests, each of which it can write.
pub(super) fn write(
    work: &DirectTransaction<'_>,
    hold_mail: bool,
    requests: &[Arc<WriteRequest>],
    shard: &FigureShard,
    now: Timestamp,
) -> Result<CommittedResults, StoreError> {
    let control = ControlState::read_directly(work, hold_mail, now)?;
    let mut quotas = Quotas::new(sending_limits::load_directly(work, &holders(requests))?);
    let mut results = Vec::with_capacity(requests.len());
    let mut rows = Vec::new();
    let mut tally = Tally::default();
    for request in requests {
        let mut result = WriteResult::new(control, request);
        insert(work, request, &mut quotas, &mut rows, &mut result, now)?;
        if result.is_accepted()
            && let WriteRequest::Accept { messages, .. } = &**request
        {
            for new in messages.iter() {
                tally.accepted(&new.message, new.recipients.len());
            }
        }
        results.push(result);
    }
    recipients::add_directly(work, &rows)?;
    for (request, result) in requests.iter().zip(&mut results) {
        lease(work, request, result, now)?;
        for claimed in &mut result.claimed {
            claimed.suppressed = suppressions::reply_directly(work, &claimed.address, now)?;
        }
        settle(work, request, &mut tally)?;
    }
    sending_limits::save_directly(work, &quotas.changed())?;
    let counted = shard.add(tally, now);
    figures::write_directly(work, &counted.at, &counted.rows)?;
    Ok(CommittedResults {
        results,
        counted,
        events: 0,
    })
}

/// Inserts messages, unless their request is outdated, their key was answered before or they are beyond a
/// limit. Their recipients, which are to be inserted for all requests at once, are appended to `rows`.
fn insert<'a>(
    work: &DirectTransaction<'_>,
    request: &'a WriteRequest,
    quotas: &mut Quotas,
    rows: &mut Vec<NewRecipient<'a>>,
    result: &mut WriteResult,
    now: Timestamp,
) -> Result<(), StoreError> {
    let WriteRequest::Accept {
        messages,
        key,
        counted,
        lease,
        ..
    } = request
    else {
        return Ok(());
    };
    if result.is_outdated {
        return Ok(());
    }
    if let Some(key) = key {
        let (ids, expired) = (ids_of(messages), now - KEY_LIFETIME);
        result.earlier = idempotency::answer_or_add_directly(work, key, &ids, expired, now)?;
        if result.earlier.is_some() {
            return Ok(());
        }
    }
    result.refused = quotas.take(counted, messages.len(), now);
    if result.refused.is_some() {
        // The same request may come again.
        return match key {
            Some(key) => idempotency::remove_directly(work, key),
            None => Ok(()),
        };
    }
    let placement = Placement::new(lease.as_ref(), result.control.paused, now);
    for new in messages.iter() {
        messages::add_directly(work, &new.message, &new.bytes)?;
        if let Some(tracked) = new.tracked() {
            opens::add_directly(work, tracked)?;
        }
        for row in placement.rows(new) {
            if row.owner.is_some() {
                result.claimed.push(ClaimedRecipient::inserted(&row));
            }
            rows.push(row);
        }
    }
    Ok(())
}

/// Claims, renews or releases leases.
fn lease(
    work: &DirectTransaction<'_>,
    request: &WriteRequest,
    result: &mut WriteResult,
    now: Timestamp,
) -> Result<(), StoreError> {
    if let Some(claim) = request.as_claim(now).filter(|_| !result.control.paused) {
        result.claimed = recipients::claim_directly(work, claim)?;
    }
    if let Some(change) = request.as_lease_change() {
        let keys = recipients::change_leases_directly(work, change)?;
        if change.renew {
            result.renewed = keys;
        }
    }
    Ok(())
}

/// Writes and counts the results of attempts, and the events of those recipients whose lease is still held.
fn settle<'a>(
    work: &DirectTransaction<'_>,
    request: &'a WriteRequest,
    tally: &mut Tally<'a>,
) -> Result<(), StoreError> {
    let WriteRequest::Settle {
        owner,
        settled,
        events,
        ..
    } = request
    else {
        return Ok(());
    };
    let mut written: HashMap<&RecipientKey, &SettledRecipient> = HashMap::new();
    for row in settled {
        if recipients::settle_directly(work, owner, row)? {
            tally.settled(row);
            if !events.is_empty() {
                written.insert(&row.key, row);
            }
        }
    }
    for event in events {
        let Some(&row) = written.get(&event.key) else {
            continue;
        };
        events::add_directly(work, event)?;
        if event.event.kind == EventKind::Deferred {
            tally.deferred(row);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::SendingLimits;
    use domain::outbox::{DeliveryEvent, RecipientState, RelayChoice};
    use rusqlite::types::Value;

    use super::super::request::{Lease, NewMessage};
    use super::super::transaction;
    use super::*;
    use crate::domains::LastDkimSigners;
    use crate::outbox::accept::limits::{HolderKind, LimitHolder};
    use crate::store::delivery::events::NewEvent;
    use crate::store::messages::flows::QueueClass;
    use crate::store::messages::idempotency::IdempotencyKey;
    use crate::store::messages::{MessageRow, Submitter};
    use crate::store::{Scope, Store, commit};
    use crate::vault::{KeyNode, Vault};

    const NOW: Timestamp = Timestamp(1_795_151_610_000);
    const OWNER: &str = "worker";

    fn lease() -> Lease {
        Lease {
            owner: OWNER.into(),
            end: NOW + Duration::from_secs(60),
        }
    }

    fn keys(id: &str) -> Vec<RecipientKey> {
        let key = |position| RecipientKey {
            message_id: id.to_owned(),
            position,
        };
        vec![key(0), key(1)]
    }

    /// A request with the idempotency key `k`.
    fn accept_with_key(id: &str) -> Arc<WriteRequest> {
        let mut request = Arc::into_inner(accept(id, true)).expect("one owner");
        if let WriteRequest::Accept { key, .. } = &mut request {
            *key = Some(IdempotencyKey {
                account: "account".to_owned(),
                key: "k".to_owned(),
                digest: "0".to_owned(),
            });
        }
        Arc::new(request)
    }

    /// A request with an idempotency key of its own, which counts for an account and a token.
    fn accept_counted(id: &str) -> Arc<WriteRequest> {
        let mut request = Arc::into_inner(accept_with_key(id)).expect("one owner");
        if let WriteRequest::Accept { key, counted, .. } = &mut request {
            let holder = |kind, id: &str| LimitHolder {
                kind,
                id: id.to_owned(),
            };
            id.clone_into(&mut key.as_mut().expect("a key").key);
            counted.push(holder(HolderKind::Account, "account"));
            counted.push(holder(HolderKind::Token, "token"));
        }
        Arc::new(request)
    }

    /// A request with the idempotency key `k` of an account that was there as of another version.
    fn accept_outdated(id: &str) -> Arc<WriteRequest> {
        let mut request = Arc::into_inner(accept_with_key(id)).expect("one owner");
        if let WriteRequest::Accept { version, .. } = &mut request {
            *version = Some(-1);
        }
        Arc::new(request)
    }

    fn accept(id: &str, is_leased: bool) -> Arc<WriteRequest> {
        let message = NewMessage {
            message: MessageRow {
                id: id.to_owned(),
                account: "account".to_owned(),
                token: Some("token".to_owned()),
                sender: "alerts@example.org".to_owned(),
                subject: "Störung".to_owned(),
                message_id: format!("<{id}@example.org>"),
                size: 5,
                dsn: is_leased.then(|| r#"{"ret":"HDRS"}"#.to_owned()),
                webhook: is_leased.then(|| "webhook".to_owned()),
            },
            bytes: b"Hello".to_vec(),
            recipients: vec!["a@example.net".to_owned(), "Ü@example.net".to_owned()],
            class: QueueClass {
                queue: "global".into(),
                priority: domain::outbox::Priority::Normal,
            },
            flow: 1,
            open_id: is_leased.then(|| format!("open-{id}")),
        };
        Arc::new(WriteRequest::Accept {
            messages: Arc::new([message]),
            key: None,
            counted: Vec::new(),
            version: None,
            lease: is_leased.then(lease),
            caller: std::sync::Weak::new(),
        })
    }

    /// The result of an attempt for both recipients of a message: delivered, and deferred.
    fn settle(id: &str) -> Arc<WriteRequest> {
        let choice = RelayChoice {
            relay: "Main".to_owned(),
            own: false,
            unnamed: false,
            pinned: false,
            rule: None,
            skipped: Vec::new(),
        };
        let row = |position| SettledRecipient {
            key: RecipientKey {
                message_id: id.to_owned(),
                position,
            },
            state: RecipientState::Delivered,
            due: None,
            attempts: 1,
            settled: Some(NOW),
            relay: "smtp.example.org:25".to_owned(),
            choice: Some(Arc::new(choice.clone())),
            reply: "250 2.0.0 Ok".to_owned(),
            took: Duration::from_millis(7),
            submitter: Some(Arc::new(Submitter {
                account: "account".to_owned(),
                token: None,
            })),
            scope: Some(Scope::Global),
            report: None,
            event: None,
        };
        let deferred = SettledRecipient {
            state: RecipientState::Deferred,
            due: Some(NOW + Duration::from_secs(60)),
            settled: None,
            reply: "450 4.2.0 Greylisted".to_owned(),
            ..row(1)
        };
        let event = NewEvent {
            key: deferred.key.clone(),
            event: DeliveryEvent {
                at: NOW,
                kind: EventKind::Deferred,
                by: "smtp.example.org:25".to_owned(),
                reply: deferred.reply.clone(),
                took: Some(Duration::from_millis(7)),
                may_have_arrived: false,
                choice: Some(choice.clone()),
            },
            first_unanswered: false,
        };
        Arc::new(WriteRequest::Settle {
            owner: OWNER.into(),
            settled: vec![row(0), deferred],
            events: vec![event],
            suppressions: Vec::new(),
            suppression_limit: 0,
        })
    }

    /// The delivery to the first recipient of a message, which has no event.
    fn deliver(id: &str) -> Arc<WriteRequest> {
        let mut request = Arc::into_inner(settle(id)).expect("one owner");
        if let WriteRequest::Settle {
            settled, events, ..
        } = &mut request
        {
            settled.truncate(1);
            events.clear();
        }
        Arc::new(request)
    }

    /// All rows of the tables of the hot path.
    fn rows(folder: &std::path::Path) -> Vec<Vec<Value>> {
        let connection = rusqlite::Connection::open(folder.join("postern.db")).expect("opens");
        let tables = [
            "idempotency",
            "message",
            "message_body",
            "message_open",
            "recipient",
            "delivery_event",
            "recipient_count",
            "sending_limit",
        ];
        let mut all = Vec::new();
        for table in tables {
            let sql = format!("SELECT '{table}', * FROM {table} ORDER BY 2, 3");
            let mut statement = connection.prepare(&sql).expect("a query");
            let columns = statement.column_count();
            let read = |row: &rusqlite::Row<'_>| (0..columns).map(|at| row.get(at)).collect();
            let found = statement.query_map([], read).expect("rows");
            all.extend(found.map(|row| row.expect("a row")));
        }
        // Each shard has a name of its own.
        let sql = "SELECT 'figure', subject, step, start_at, accepted, delivered, deferred, failed, \
                   latency FROM figure ORDER BY subject, step, start_at";
        let mut statement = connection.prepare(sql).expect("a query");
        let read = |row: &rusqlite::Row<'_>| (0..9).map(|at| row.get(at)).collect();
        let found = statement.query_map([], read).expect("rows");
        all.extend(found.map(|row| row.expect("a row")));
        all
    }

    #[tokio::test]
    async fn it_writes_the_same_rows_as_the_transaction_of_both_databases() {
        let claim = Arc::new(WriteRequest::Claim {
            lease: lease(),
            flow: 1,
            limit: 3,
            expired_leases: false,
            database_time: None,
        });
        let renew = Arc::new(WriteRequest::Renew {
            lease: lease(),
            keys: [keys("01JD2"), keys("01JD9")].concat(),
        });
        let release = Arc::new(WriteRequest::Release {
            owner: OWNER.into(),
            due: NOW,
            keys: keys("01JD3"),
        });
        let commits = [
            vec![accept("01JD1", true), accept("01JD2", false)],
            // No worker has leased the second one: its result is written to no row.
            vec![settle("01JD1"), settle("01JD2"), accept("01JD3", true)],
            vec![
                release,
                accept_outdated("01JDB"),
                accept_with_key("01JD4"),
                accept_with_key("01JD5"),
            ],
            vec![claim],
            vec![renew, settle("01JD2")],
            // Of these recipients one is leased; the lease of the other one has ended.
            vec![deliver("01JD3"), deliver("01JD2")],
            // The account may send two a minute, the token three.
            vec![accept_counted("01JD7"), accept("01JD8", false)],
            vec![accept_counted("01JD9"), accept_counted("01JDA")],
        ];
        let (one, other) = (tempfile::tempdir(), tempfile::tempdir());
        let (one, other) = (one.expect("a folder"), other.expect("a folder"));
        let directly = Store::open(one.path(), None).await.expect("opens");
        let shared = Store::open(other.path(), None).await.expect("opens");
        let connection = directly.direct().expect("SQLite").clone();
        let vault = Vault::open(
            KeyNode::new("gate", other.path().join("keys")),
            &shared,
            NOW,
            false,
        )
        .await;
        let signers = LastDkimSigners::new(Arc::new(vault.expect("a vault")));
        for store in [&directly, &shared] {
            let mut work = store.begin().await.expect("begins");
            for (holder, per_minute) in [("account", 2), ("token", 3)] {
                let limits = SendingLimits::of_numbers([Some(per_minute), None, None, None]);
                let set = sending_limits::set(&mut work, holder, &limits).await;
                set.expect("limits");
            }
            commit(work).await.expect("commits");
        }
        let paused = vec![accept("01JD6", true)];
        let running = commits.into_iter().map(|requests| (false, requests));
        let (counted, also_counted) = (FigureShard::new(), FigureShard::new());
        for (hold_mail, requests) in running.chain([(true, paused)]) {
            assert!(requests.iter().all(|request| can_write(request)));
            let written = connection.write(|work| write(work, hold_mail, &requests, &counted, NOW));
            let expected =
                transaction::write(&shared, &signers, hold_mail, &requests, &also_counted, NOW)
                    .await;
            let (written, expected) = (written.expect("writes"), expected.expect("writes"));
            counted.written(written.counted);
            also_counted.written(expected.counted);
            let results = |results: &[WriteResult]| -> Vec<String> {
                let of = |result: &WriteResult| {
                    let (claimed, renewed) = (&result.claimed, &result.renewed);
                    let (earlier, refused) = (&result.earlier, result.refused);
                    let outdated = result.is_outdated;
                    format!("{claimed:?} {renewed:?} {earlier:?} {refused:?} {outdated}")
                };
                results.iter().map(of).collect()
            };
            assert_eq!(results(&written.results), results(&expected.results));
        }
        let written = rows(one.path());
        // Eight messages for two recipients each, and the results under leases that were held.
        let key = ["figure", "all"].map(|text| Value::Text(text.to_owned()));
        let all = written.iter().find(|row| row[..2] == key);
        let counts = [16, 3, 2, 0].map(Value::Integer);
        assert_eq!(all.expect("all mail")[4..8], counts);
        assert!(written.len() > 20, "{} rows", written.len());
        let is_stored = |id: &str| {
            let id = Value::Text(id.to_owned());
            written.iter().any(|row| row.contains(&id))
        };
        assert!(is_stored("01JD9") && !is_stored("01JDA"), "the third");
        assert!(is_stored("01JD4") && !is_stored("01JDB"), "outdated");
        assert_eq!(written, rows(other.path()));
    }
}
