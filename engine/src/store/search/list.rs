//! The rows of the outbox list, newest first.

use domain::Timestamp;
use domain::outbox::{Cursor, OutboxRow, Search};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row as _};

use super::accepted;
use super::condition::{Access, Condition, Parameter, bind_all};
use crate::store::recipients::{is_leased, state};
use crate::store::{Connection, StoreError};

/// A part of the list.
#[derive(Clone, Copy, Debug)]
pub struct ListPage<'a> {
    /// Only mail that this account submitted.
    pub account: Option<&'a str>,
    pub search: &'a Search,
    /// Begins behind this row.
    pub behind: Option<&'a Cursor>,
    /// The maximum number of rows.
    pub limit: i64,
}

/// A row as stored.
struct StoredRow {
    owner: Option<String>,
    due: Option<Timestamp>,
    /// Neither leased nor due.
    row: OutboxRow,
}

impl FromRow<'_, AnyRow> for StoredRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let id: String = row.try_get(0)?;
        let reply: Option<String> = row.try_get(9)?;
        Ok(Self {
            owner: row.try_get(6)?,
            due: row.try_get::<Option<i64>, _>(8)?.map(Timestamp),
            row: OutboxRow {
                accepted: accepted(&id),
                id,
                position: row.try_get(1)?,
                from: row.try_get(2)?,
                to: row.try_get(3)?,
                subject: row.try_get(4)?,
                state: state(row, 5)?,
                leased: false,
                attempts: row.try_get(7)?,
                due: None,
                reply: reply.filter(|reply| !reply.is_empty()),
            },
        })
    }
}

impl StoredRow {
    fn at(self, now: Timestamp) -> OutboxRow {
        let leased = is_leased(self.owner.as_deref(), self.due, now);
        OutboxRow {
            leased,
            due: self.due.filter(|_| !leased),
            ..self.row
        }
    }
}

/// The rows of a part of the list.
///
/// # Errors
/// Where the database fails.
pub async fn rows(
    connection: &mut Connection,
    page: ListPage<'_>,
    now: Timestamp,
) -> Result<Vec<OutboxRow>, StoreError> {
    let access = Access::choose(connection, &page.search.address).await?;
    let mut condition = Condition::new(page.account, access);
    condition.search(page.search);
    if let Some(cursor) = page.behind {
        condition.and(
            "(r.message_id, r.position) < (",
            Parameter::Text(cursor.id.clone()),
        );
        let position = condition.parameter(Parameter::Number(cursor.position));
        condition.sql.push_str(&format!(", ${position})"));
    }
    let limit = condition.parameter(Parameter::Number(page.limit));
    let id = match (condition.of_message, access) {
        (true, Access::Newest) => "m.id",
        _ => "r.message_id",
    };
    // The keys first: only rows of this part are read whole.
    let sql = format!(
        "SELECT r.message_id, r.position, m.sender, r.address, m.subject, r.state, r.owner, \
         r.attempts, r.due_at, r.reply FROM (SELECT r.message_id AS id, r.position AS place FROM {} \
         ORDER BY {id} DESC, r.position DESC LIMIT ${limit}) AS found \
         CROSS JOIN recipient r CROSS JOIN message m \
         WHERE r.message_id = found.id AND r.position = found.place AND m.id = found.id \
         ORDER BY found.id DESC, found.place DESC",
        condition.rows(),
    );
    let query = sqlx::query_as(AssertSqlSafe(sql));
    let rows: Vec<StoredRow> = bind_all!(query, condition.parameters)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(|row| row.at(now)).collect())
}
