//! Recipients per state, with the age of the oldest.

use domain::Timestamp;
use domain::outbox::{Count, RecipientState};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row as _};

use super::{accepted, first_id};
use crate::store::recipients::state;
use crate::store::{Connection, StoreError};

struct CountRow(Count);

impl FromRow<'_, AnyRow> for CountRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self(Count {
            state: state(row, 0)?,
            number: row.try_get(1)?,
            oldest: Some(accepted(row.try_get(2)?)),
        }))
    }
}

/// Counts the recipients of every state: of those delivered or cancelled, the ones accepted since
/// then. With an account, only of mail that it submitted.
///
/// # Errors
/// Where the database fails.
pub async fn counts(
    connection: &mut Connection,
    account: Option<&str>,
    since: Timestamp,
) -> Result<Vec<Count>, StoreError> {
    // The message is joined only for its account, and first, by the index of its account: the mail
    // of others costs nothing.
    let from = match account {
        None => "recipient r WHERE ",
        Some(_) => {
            "message m CROSS JOIN recipient r WHERE m.account_id = $2 AND r.message_id = m.id AND "
        }
    };
    let id = match account {
        None => "r.message_id",
        Some(_) => "m.id",
    };
    let select = "SELECT r.state, COUNT(*), MIN(r.message_id) FROM ";
    let open = format!(
        "{select}{from}$1 = $1 AND r.state IN ('queued', 'deferred', 'held', 'failed') \
         GROUP BY r.state"
    );
    let closed = format!(
        "{select}{from}{id} >= $1 AND r.state IN ('delivered', 'cancelled') GROUP BY r.state"
    );
    let mut found: Vec<CountRow> = Vec::new();
    for sql in [open, closed] {
        let mut query = sqlx::query_as(AssertSqlSafe(sql)).bind(first_id(since));
        if let Some(account) = account {
            query = query.bind(account.to_owned());
        }
        found.extend(query.fetch_all(&mut *connection).await?);
    }
    Ok(RecipientState::ALL
        .iter()
        .copied()
        .map(|state| {
            let count = found.iter().find(|CountRow(count)| count.state == state);
            count.map_or(
                Count {
                    state,
                    number: 0,
                    oldest: None,
                },
                |CountRow(count)| *count,
            )
        })
        .collect())
}
