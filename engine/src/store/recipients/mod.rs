//! The table `recipient`: a message for one recipient with its lease, state and last reply.

mod change;
mod claim;
pub mod counts;
mod lease;
mod oldest;
pub mod recent_failures;
mod settle;

use std::time::Duration;

use domain::Timestamp;
use domain::outbox::{RecipientState, RelayChoice};
use rusqlite::params_from_iter;
use rusqlite::types::{Null, ToSqlOutput};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row as _};

pub use change::change;
pub use claim::{Claim, ClaimedRecipient, claim, claim_directly, horizon};
pub use lease::{
    LeaseChange, change_leases, change_leases_directly, expire_all_leases, release_all,
};
pub use oldest::oldest_messages;
pub use settle::{OwnedResult, RecipientEvent, SettledRecipient, settle, settle_directly};

use super::database::direct::DirectTransaction;
use super::database::fold::folded;
use super::database::rows::{blocks, duration, in_order, insert, of_json};
use super::{Connection, StoreError};

/// Identifies a recipient: the message, and the position in its envelope from 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecipientKey {
    pub message_id: String,
    pub position: i64,
}

impl FromRow<'_, AnyRow> for RecipientKey {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            message_id: row.try_get(0)?,
            position: row.try_get(1)?,
        })
    }
}

/// A row to insert.
#[derive(Debug)]
pub struct NewRecipient<'a> {
    pub message_id: &'a str,
    pub position: i64,
    pub address: &'a str,
    /// The id of the flow.
    pub flow: i64,
    pub state: RecipientState,
    /// When the row may be claimed, or for a leased one, when the lease ends; `None` for a row that is
    /// never claimed.
    pub due: Option<Timestamp>,
    pub owner: Option<&'a str>,
}

/// Inserts rows.
///
/// # Errors
/// Where the database fails.
pub async fn add(
    connection: &mut Connection,
    recipients: &[NewRecipient<'_>],
) -> Result<(), StoreError> {
    for block in blocks(recipients) {
        let columns = "message_id, position, address, address_folded, state, due_at, owner, \
                       attempts, flow";
        let sql = insert("recipient", columns, block.places);
        let mut query = sqlx::query(in_order(connection, sql));
        for row in block.iter() {
            query = query
                .bind(row.map(|row| row.message_id))
                .bind(row.map(|row| row.position))
                .bind(row.map(|row| row.address))
                .bind(row.and_then(|row| folded(row.address)))
                .bind(row.map(|row| row.state.as_str()))
                .bind(row.and_then(|row| row.due).map(|due| due.0))
                .bind(row.and_then(|row| row.owner))
                .bind(0_i64)
                .bind(row.map(|row| row.flow));
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// The maximum number of rows of a statement in a direct transaction, a power of two.
const DIRECT_ROWS: usize = 16;

/// Like [`add`], in a direct transaction.
///
/// Each statement has a power of two of the rows, so that there are few to keep prepared. A statement for each row
/// would cost more: SQLite opens a statement journal for each one that fires a trigger, and copies every page to
/// it that the statement changes.
///
/// # Errors
/// Where the database fails.
pub fn add_directly(
    work: &DirectTransaction<'_>,
    recipients: &[NewRecipient<'_>],
) -> Result<(), StoreError> {
    let mut rest = recipients;
    while let Some(power) = rest.len().checked_ilog2() {
        let (rows, others) = rest.split_at(DIRECT_ROWS.min(1 << power));
        let places = vec!["(?, ?, ?, ?, ?, ?, ?, 0, ?)"; rows.len()].join(", ");
        let sql = format!(
            "INSERT INTO recipient \
             (message_id, position, address, address_folded, state, due_at, owner, attempts, flow) \
             VALUES {places}"
        );
        work.execute(&sql, params_from_iter(rows.iter().flat_map(stored_values)))?;
        rest = others;
    }
    Ok(())
}

/// The values of a row to insert that are not the same for all, in the order of [`add_directly`].
fn stored_values<'a>(row: &NewRecipient<'a>) -> [ToSqlOutput<'a>; 8] {
    [
        row.message_id.into(),
        row.position.into(),
        row.address.into(),
        folded(row.address).map_or(Null.into(), Into::into),
        row.state.as_str().into(),
        row.due.map_or(Null.into(), |due| due.0.into()),
        row.owner.map_or(Null.into(), Into::into),
        row.flow.into(),
    ]
}

/// A row as stored.
#[derive(Debug)]
pub struct Recipient {
    pub position: i64,
    pub address: String,
    pub state: RecipientState,
    pub due: Option<Timestamp>,
    pub owner: Option<String>,
    pub attempts: i64,
    pub settled: Option<Timestamp>,
    pub relay: Option<String>,
    pub reply: Option<String>,
    /// The duration of the last attempt.
    pub took: Option<Duration>,
    /// The relay of the last attempt, and why it was chosen.
    pub choice: Option<RelayChoice>,
}

impl FromRow<'_, AnyRow> for Recipient {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            position: row.try_get(0)?,
            address: row.try_get(1)?,
            state: state(row, 2)?,
            due: row.try_get::<Option<i64>, _>(3)?.map(Timestamp),
            owner: row.try_get(4)?,
            attempts: row.try_get(5)?,
            settled: row.try_get::<Option<i64>, _>(6)?.map(Timestamp),
            relay: row.try_get(7)?,
            reply: row.try_get(8)?,
            took: row.try_get::<Option<i64>, _>(9)?.map(duration),
            choice: row
                .try_get::<Option<&str>, _>(10)?
                .map(of_json)
                .transpose()?,
        })
    }
}

/// Whether a row with this owner and due time is leased: leases end when they are due.
pub fn is_leased(owner: Option<&str>, due: Option<Timestamp>, now: Timestamp) -> bool {
    owner.is_some() && due.is_some_and(|end| end > now)
}

/// The recipients of a message, in the envelope's order.
///
/// # Errors
/// Where the database fails, or holds an unknown state.
pub async fn of_message(
    connection: &mut Connection,
    message_id: &str,
) -> Result<Vec<Recipient>, StoreError> {
    let query = sqlx::query_as(
        "SELECT position, address, state, due_at, owner, attempts, settled_at, relay, reply, duration_ms, \
         route FROM recipient WHERE message_id = $1 ORDER BY position",
    );
    Ok(query.bind(message_id).fetch_all(connection).await?)
}

/// Locks the recipients of a message that wait, where several transactions run beside each other, and
/// returns their positions.
///
/// # Errors
/// Where the database fails.
pub async fn lock_waiting(
    connection: &mut Connection,
    skip_locked: &str,
    message_id: &str,
) -> Result<Vec<i64>, StoreError> {
    let sql = format!(
        "SELECT position FROM recipient WHERE message_id = $1 AND due_at IS NOT NULL{skip_locked}"
    );
    let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(message_id);
    Ok(query.fetch_all(connection).await?)
}

/// Whether any recipient is in a state.
///
/// # Errors
/// Where the database fails.
pub async fn any_in(
    connection: &mut Connection,
    state: RecipientState,
) -> Result<bool, StoreError> {
    let query = sqlx::query("SELECT message_id FROM recipient WHERE state = $1 LIMIT 1");
    let found = query.bind(state.as_str()).fetch_optional(connection);
    Ok(found.await?.is_some())
}

/// The state in a column.
pub(super) fn state(row: &AnyRow, column: usize) -> Result<RecipientState, sqlx::Error> {
    let text: &str = row.try_get(column)?;
    text.parse()
        .map_err(|_| sqlx::Error::Decode(format!("unknown state {text}").into()))
}

/// The condition that a column is one of these states.
pub fn in_states(column: &str, states: &[RecipientState]) -> String {
    let list: Vec<String> = states
        .iter()
        .map(|state| format!("'{}'", state.as_str()))
        .collect();
    format!("{column} IN ({})", list.join(", "))
}
