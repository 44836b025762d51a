//! The table `timeline`: attempts that failed, and what people did with a mail. Rows are only added.

use domain::Timestamp;
use domain::outbox::{Happening, What};

use super::rows::{blocks, in_order, insert};
use super::{Connection, StoreError};

/// Something that happened to a message for one recipient.
#[derive(Clone, Debug)]
pub struct Entry {
    pub message: String,
    pub position: i64,
    pub happening: Happening,
}

/// Adds rows.
pub async fn add(connection: &mut Connection, entries: &[Entry]) -> Result<(), StoreError> {
    for block in blocks(entries) {
        let columns = "message_id, position, at, what, by_whom, said, took, may_have_arrived";
        let sql = insert("timeline", columns, block.places);
        let mut query = sqlx::query(in_order(connection, sql));
        for entry in block.iter() {
            let happening = entry.map(|entry| &entry.happening);
            query = query
                .bind(entry.map(|entry| &entry.message))
                .bind(entry.map(|entry| entry.position))
                .bind(happening.map(|happening| happening.at.0))
                .bind(happening.map(|happening| happening.what.as_str()))
                .bind(happening.map(|happening| &happening.by))
                .bind(happening.map(|happening| &happening.said))
                .bind(happening.and_then(|happening| happening.took))
                .bind(happening.map(|happening| i64::from(happening.may_have_arrived)));
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

type Row = (i64, i64, String, String, String, Option<i64>, i64);

/// What happened to a message, with the position of the recipient, oldest first.
pub async fn of_message(
    connection: &mut Connection,
    message: &str,
) -> Result<Vec<(i64, Happening)>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT position, at, what, by_whom, said, took, may_have_arrived FROM timeline \
         WHERE message_id = $1 ORDER BY position, at",
    )
    .bind(message)
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|(position, at, what, by, said, took, doubtful)| {
            let what = What::ALL.into_iter().find(|known| known.as_str() == what);
            let what = what.ok_or_else(|| sqlx::Error::Decode("an unknown happening".into()))?;
            Ok((
                position,
                Happening {
                    at: Timestamp(at),
                    what,
                    by,
                    said,
                    took,
                    may_have_arrived: doubtful != 0,
                },
            ))
        })
        .collect()
}
