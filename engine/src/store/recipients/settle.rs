//! Writing the result of an attempt to the recipients that a worker leased.

use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use domain::outbox::{RecipientState, RelayChoice, ReportedResult};
use domain::timestamp::milliseconds;
use domain::webhook::WebhookEvent;
use rusqlite::params;
use sqlx::FromRow as _;

use super::RecipientKey;
use crate::store::database::direct::DirectTransaction;
use crate::store::database::rows::{blocks, in_order, json, values};
use crate::store::messages::Submitter;
use crate::store::{Connection, Scope, StoreError};

/// The event of a recipient, for the webhook that its message names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientEvent {
    /// The id of the webhook.
    pub webhook: Arc<str>,
    /// The kind of the event.
    pub event: WebhookEvent,
    /// The recipient.
    pub address: String,
}

/// The result of an attempt for one recipient.
#[derive(Clone, Debug)]
pub struct SettledRecipient {
    pub key: RecipientKey,
    pub state: RecipientState,
    /// When the recipient may be claimed again; `None` in a final state.
    pub due: Option<Timestamp>,
    pub attempts: i64,
    /// When the recipient reached a final state.
    pub settled: Option<Timestamp>,
    /// The host and port of the relay.
    pub relay: String,
    /// The relay, and the reason of the choice.
    pub choice: Option<Arc<RelayChoice>>,
    pub reply: String,
    pub took: Duration,
    /// The account and token that submitted the message, for figures.
    pub submitter: Option<Arc<Submitter>>,
    /// The relay of the attempt, for figures; `None` without an attempt.
    pub scope: Option<Scope>,
    /// The report that the sender of the message requests, which is written in the commit that writes
    /// the result.
    pub report: Option<Arc<ReportedResult>>,
    /// The event that the commit which writes the result queues for a webhook.
    pub event: Option<Arc<RecipientEvent>>,
}

/// A result, and the owner of the lease it was made under.
pub struct OwnedResult<'a> {
    pub owner: &'a str,
    pub result: &'a SettledRecipient,
}

/// The rows that results were written to.
#[derive(Debug, Default)]
pub struct SettledRows {
    pub number: usize,
    /// The keys of the rows, if they were requested.
    pub keys: Vec<RecipientKey>,
}

/// Writes results to the rows whose leases their owners still hold, and ends those leases. With
/// `returning` it returns the keys of these rows, otherwise only how many there are.
///
/// # Errors
/// Where the database fails.
pub async fn settle(
    connection: &mut Connection,
    results: &[OwnedResult<'_>],
    returning: bool,
) -> Result<SettledRows, StoreError> {
    let mut rows = SettledRows::default();
    let clause = match returning {
        true => "RETURNING message_id, position",
        false => "",
    };
    for block in blocks(results) {
        let sql = format!(
            "UPDATE recipient SET owner = NULL, state = v.column3, due_at = v.column4, \
             attempts = v.column5, settled_at = v.column6, relay = v.column7, reply = v.column8, \
             duration_ms = v.column9, route = v.column11 FROM (VALUES {}) AS v \
             WHERE message_id = v.column1 AND position = v.column2 AND owner = v.column10 \
             {clause}",
            values(0, block.places, 11)
        );
        let mut query = sqlx::query(in_order(connection, sql));
        for owned in block.iter() {
            let row = owned.map(|owned| owned.result);
            let choice = row.and_then(|row| row.choice.as_deref());
            query = query
                .bind(row.map(|row| &row.key.message_id))
                .bind(row.map(|row| row.key.position))
                .bind(row.map(|row| row.state.as_str()))
                .bind(row.and_then(|row| row.due).map(|due| due.0))
                .bind(row.map(|row| row.attempts))
                .bind(row.and_then(|row| row.settled).map(|at| at.0))
                .bind(row.map(|row| &row.relay))
                .bind(row.map(|row| &row.reply))
                .bind(row.map(|row| milliseconds(row.took)))
                .bind(owned.map(|owned| owned.owner))
                .bind(choice.map(json).transpose()?);
        }
        if returning {
            for row in query.fetch_all(&mut *connection).await? {
                rows.keys.push(RecipientKey::from_row(&row)?);
            }
            rows.number = rows.keys.len();
        } else {
            let written = query.execute(&mut *connection).await?.rows_affected();
            rows.number += usize::try_from(written).unwrap_or(usize::MAX);
        }
    }
    Ok(rows)
}

/// Like [`settle`], for one result in a direct transaction. Returns whether its owner still held the
/// lease.
///
/// # Errors
/// Where the database fails.
pub fn settle_directly(
    work: &DirectTransaction<'_>,
    owner: &str,
    row: &SettledRecipient,
) -> Result<bool, StoreError> {
    let changed = work.execute(
        "UPDATE recipient SET owner = NULL, state = ?, due_at = ?, attempts = ?, settled_at = ?, \
         relay = ?, reply = ?, duration_ms = ?, route = ? \
         WHERE message_id = ? AND position = ? AND owner = ?",
        params![
            row.state.as_str(),
            row.due.map(|due| due.0),
            row.attempts,
            row.settled.map(|at| at.0),
            row.relay,
            row.reply,
            milliseconds(row.took),
            row.choice.as_deref().map(json).transpose()?,
            row.key.message_id,
            row.key.position,
            owner,
        ],
    )?;
    Ok(changed > 0)
}
