//! The rows of the outbox list, newest first.

use domain::Timestamp;
use domain::outbox::{Cursor, OutboxRow, Search};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use super::accepted;
use super::condition::{Access, Condition};
use super::connection::SearchConnection;
use super::parameter::Parameter;
use crate::store::StoreError;
use crate::store::messages::flows::priority;
use crate::store::messages::shown_sender;
use crate::store::recipients::{is_leased, state};

/// A part of the list.
#[derive(Debug)]
pub struct ListPage {
    /// The account whose mail is listed; `None` for all mail.
    pub account: Option<String>,
    pub search: Search,
    /// The part begins after this row.
    pub behind: Option<Cursor>,
    /// The maximum number of rows.
    pub limit: i64,
}

impl ListPage {
    /// Whether the search can take long, because it may read many rows that do not match.
    pub fn is_scan(&self) -> bool {
        let search = &self.search;
        let has_text = !search.address.is_empty() || !search.subject.is_empty();
        has_text || (self.account.is_some() && search.state.is_some())
    }
}

/// A row as stored.
struct StoredRow {
    owner: Option<String>,
    due: Option<Timestamp>,
    /// A row that is neither leased nor due.
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
                from: shown_sender(row.try_get(2)?),
                to: row.try_get(3)?,
                subject: row.try_get(4)?,
                state: state(row, 5)?,
                leased: false,
                attempts: row.try_get(7)?,
                due: None,
                reply: reply.filter(|reply| !reply.is_empty()),
                priority: priority(row, 10)?,
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
    connection: &mut SearchConnection,
    page: &ListPage,
    now: Timestamp,
) -> Result<Vec<OutboxRow>, StoreError> {
    let access = Access::choose(connection, &page.search.address).await?;
    let mut condition = Condition::new(page.account.as_deref(), access);
    condition.search(&page.search);
    if let Some(row) = &page.behind {
        condition.behind(row);
    }
    let limit = condition.parameter(Parameter::Number(page.limit));
    let id = condition.id();
    // The keys are selected first, so that only the rows of this part are read as a whole.
    let sql = format!(
        "SELECT r.message_id, r.position, m.sender, r.address, m.subject, r.state, r.owner, \
         r.attempts, r.due_at, r.reply, f.priority FROM (SELECT r.message_id AS id, r.position AS place FROM {} \
         ORDER BY {id} DESC, r.position DESC LIMIT ${limit}) AS found \
         CROSS JOIN recipient r CROSS JOIN message m CROSS JOIN flow f \
         WHERE r.message_id = found.id AND r.position = found.place AND m.id = found.id AND f.id = r.flow \
         ORDER BY found.id DESC, found.place DESC",
        condition.rows(),
    );
    let rows: Vec<StoredRow> = connection.fetch(sql, condition.parameters).await?;
    Ok(rows.into_iter().map(|row| row.at(now)).collect())
}
