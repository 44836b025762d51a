//! The table `recipient`: a message for one recipient, who has it, and what became of it.

use domain::outbox::RecipientState;
use sqlx::AssertSqlSafe;

use super::rows::{blocks, in_order, insert, values};
use super::{Connection, StoreError};

/// A new row.
#[derive(Debug)]
pub struct Added<'a> {
    pub message: &'a str,
    pub position: i64,
    pub address: &'a str,
    pub state: RecipientState,
    /// From when it may be taken, or until when it is the owner's; for nobody is never.
    pub due: Option<i64>,
    pub owner: Option<&'a str>,
}

/// Adds rows.
pub async fn add(
    connection: &mut Connection,
    added: &[Added<'_>],
    now: i64,
) -> Result<(), StoreError> {
    for block in blocks(added) {
        let columns = "message_id, position, address, state, due_at, owner, attempts, trying_since";
        let sql = insert("recipient", columns, block.places);
        let mut query = sqlx::query(in_order(connection, sql));
        for row in block.iter() {
            query = query
                .bind(row.map(|row| row.message))
                .bind(row.map(|row| row.position))
                .bind(row.map(|row| row.address))
                .bind(row.map(|row| row.state.as_str()))
                .bind(row.and_then(|row| row.due))
                .bind(row.and_then(|row| row.owner))
                .bind(0_i64)
                .bind(now);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// A row that a worker took.
#[derive(Clone, Debug)]
pub struct Claimed {
    pub message: String,
    pub position: i64,
    pub address: String,
    pub attempts: i64,
    pub trying_since: i64,
    /// What a relay said when it answered that there is no such address, from the suppression list.
    pub suppressed: Option<String>,
}

/// A message, and the recipient among those of it.
pub type Place = (String, i64);

impl Claimed {
    /// One that was its owner's from the start.
    pub fn new(row: &Added<'_>, now: i64) -> Self {
        Self {
            message: row.message.to_owned(),
            position: row.position,
            address: row.address.to_owned(),
            attempts: 0,
            trying_since: now,
            suppressed: None,
        }
    }

    pub fn place(&self) -> Place {
        (self.message.clone(), self.position)
    }
}

/// Takes up to `most` rows that are due, the longest due first, for `owner` until `lease`; if wanted
/// also those `of_others` whose leases are over.
pub async fn claim(
    connection: &mut Connection,
    skip_locked: &str,
    owner: &str,
    (now, lease): (i64, i64),
    (most, of_others): (i64, bool),
) -> Result<Vec<Claimed>, StoreError> {
    let free = match of_others {
        true => "",
        false => " AND owner IS NULL",
    };
    let sql = format!(
        "WITH due AS MATERIALIZED \
         (SELECT message_id AS id, position AS place FROM recipient WHERE due_at <= $3{free} \
          ORDER BY due_at, message_id, position LIMIT $4{skip_locked}) \
         UPDATE recipient SET owner = $1, due_at = $2 FROM due \
         WHERE message_id = due.id AND position = due.place \
         RETURNING message_id, position, address, attempts, trying_since"
    );
    let rows: Vec<(String, i64, String, i64, i64)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(owner)
        .bind(lease)
        .bind(now)
        .bind(most)
        .fetch_all(connection)
        .await?;
    let mut claimed: Vec<Claimed> = rows
        .into_iter()
        .map(
            |(message, position, address, attempts, trying_since)| Claimed {
                message,
                position,
                address,
                attempts,
                trying_since,
                suppressed: None,
            },
        )
        .collect();
    // RETURNING has no order of its own.
    claimed.sort_by(|a, b| (&a.message, a.position).cmp(&(&b.message, b.position)));
    Ok(claimed)
}

/// What became of a row that a worker had.
#[derive(Clone, Debug)]
pub struct Settled {
    pub message: String,
    pub position: i64,
    pub state: RecipientState,
    /// When it may be taken again; never, where it is settled.
    pub due: Option<i64>,
    pub attempts: i64,
    /// Since when it is tried; five days later it is given up.
    pub trying_since: i64,
    /// When it got a state that lasts.
    pub settled: Option<i64>,
    pub relay: String,
    pub reply: String,
    /// In milliseconds.
    pub took: i64,
}

/// Writes what became of rows, those that their owner still has, and gives them back. If wanted it
/// answers which those were.
pub async fn settle(
    connection: &mut Connection,
    settled: &[(&str, &Settled)],
    answers: bool,
) -> Result<Vec<Place>, StoreError> {
    let mut places = Vec::new();
    let returning = match answers {
        true => "RETURNING message_id, position",
        false => "",
    };
    for block in blocks(settled) {
        let sql = format!(
            "UPDATE recipient SET owner = NULL, state = v.column3, due_at = v.column4, \
             attempts = v.column5, trying_since = v.column6, settled_at = v.column7, \
             relay = v.column8, reply = v.column9, duration_ms = v.column10 FROM (VALUES {}) AS v \
             WHERE message_id = v.column1 AND position = v.column2 AND owner = v.column11 \
             {returning}",
            values(0, block.places, 11)
        );
        let mut query = sqlx::query_as(in_order(connection, sql));
        for place in block.iter() {
            let row = place.map(|(_, row)| row);
            query = query
                .bind(row.map(|row| &row.message))
                .bind(row.map(|row| row.position))
                .bind(row.map(|row| row.state.as_str()))
                .bind(row.and_then(|row| row.due))
                .bind(row.map(|row| row.attempts))
                .bind(row.map(|row| row.trying_since))
                .bind(row.and_then(|row| row.settled))
                .bind(row.map(|row| &row.relay))
                .bind(row.map(|row| &row.reply))
                .bind(row.map(|row| row.took))
                .bind(place.map(|(owner, _)| *owner));
        }
        places.extend(query.fetch_all(&mut *connection).await?);
    }
    Ok(places)
}

/// Moves the due time of rows that `owner` has: later, to keep them; or to now and without an owner,
/// to give them back untried. A row that is locked is being settled: waiting for it, with others
/// locked already, is how two transactions come to wait for each other. Answers which were moved.
pub async fn extend(
    connection: &mut Connection,
    skip_locked: &str,
    owner: &str,
    places: &[Place],
    (due, keep): (i64, bool),
) -> Result<Vec<Place>, StoreError> {
    let mut extended = Vec::with_capacity(places.len());
    for block in blocks(places) {
        let sql = format!(
            "WITH held AS MATERIALIZED (SELECT message_id AS id, position AS place FROM recipient \
             WHERE owner = $3 AND (message_id, position) IN (VALUES {}){skip_locked}) \
             UPDATE recipient SET due_at = $1, owner = $2 FROM held \
             WHERE message_id = held.id AND position = held.place \
             RETURNING message_id, position",
            values(3, block.places, 2)
        );
        let mut query = sqlx::query_as(AssertSqlSafe(sql))
            .bind(due)
            .bind(keep.then_some(owner))
            .bind(owner);
        for place in block.iter() {
            query = query
                .bind(place.map(|(message, _)| message))
                .bind(place.map(|(_, position)| *position));
        }
        extended.extend(query.fetch_all(&mut *connection).await?);
    }
    Ok(extended)
}

/// Gives back all that `owner` has.
pub async fn give_back(
    connection: &mut Connection,
    owner: &str,
    now: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE recipient SET due_at = $1, owner = NULL WHERE due_at IS NOT NULL AND owner = $2",
    )
    .bind(now)
    .bind(owner)
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes every row from whoever had it: for a worker that knows itself to be the only one.
pub async fn take_back(connection: &mut Connection, now: i64) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE recipient SET due_at = $1, owner = NULL WHERE due_at IS NOT NULL AND owner IS NOT NULL",
    )
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// When the next row is due, if any ever is.
pub async fn next_due(connection: &mut Connection) -> Result<Option<i64>, StoreError> {
    let (next,): (Option<i64>,) =
        sqlx::query_as("SELECT MIN(due_at) FROM recipient WHERE due_at IS NOT NULL")
            .fetch_one(connection)
            .await?;
    Ok(next)
}

/// A row as it stands.
#[derive(Debug)]
pub struct Recipient {
    pub position: i64,
    pub address: String,
    pub state: RecipientState,
    pub due: Option<i64>,
    pub owner: Option<String>,
    pub attempts: i64,
    pub settled: Option<i64>,
    pub relay: Option<String>,
    pub reply: Option<String>,
    pub took: Option<i64>,
}

type Row = (
    i64,
    String,
    String,
    Option<i64>,
    Option<String>,
    i64,
    Option<i64>,
    Option<String>,
    Option<String>,
    Option<i64>,
);

/// The recipients of a message, in the envelope's order.
pub async fn of_message(
    connection: &mut Connection,
    message: &str,
) -> Result<Vec<Recipient>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT position, address, state, due_at, owner, attempts, settled_at, relay, reply, duration_ms \
         FROM recipient WHERE message_id = $1 ORDER BY position",
    )
    .bind(message)
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(
            |(position, address, state, due, owner, attempts, settled, relay, reply, took)| {
                Ok(Recipient {
                    position,
                    address,
                    state: read_state(&state)?,
                    due,
                    owner,
                    attempts,
                    settled,
                    relay,
                    reply,
                    took,
                })
            },
        )
        .collect()
}

/// A state as it is stored.
pub fn read_state(text: &str) -> Result<RecipientState, StoreError> {
    text.parse()
        .map_err(|fault: &str| sqlx::Error::Decode(fault.into()).into())
}
