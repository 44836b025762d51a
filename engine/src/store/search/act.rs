//! Acts of administrators on the recipients that a selection matches.

use domain::Timestamp;
use domain::outbox::{MessageAction, RecipientState, Selection};
use sqlx::AssertSqlSafe;

use super::condition::{Access, Condition, NOT_LEASED, in_states};
use super::connection::SearchConnection;
use super::parameter::{Parameter, bind_all};
use crate::store::recipients::RecipientKey;
use crate::store::{Connection, StoreError};

/// The number of recipients that an act would change.
///
/// # Errors
/// Where the database fails.
pub async fn count(
    connection: &mut SearchConnection,
    act: MessageAction,
    selection: &Selection,
    now: Timestamp,
) -> Result<i64, StoreError> {
    let access = access(connection, selection).await?;
    let condition = matching(access, act, selection, now);
    let sql = format!("SELECT COUNT(*) FROM {}", condition.rows());
    let found: Vec<(i64,)> = connection.fetch(sql, condition.parameters).await?;
    Ok(found.first().map_or(0, |(number,)| *number))
}

/// The access for a selection.
///
/// # Errors
/// Where the database fails.
pub async fn access(
    connection: &mut SearchConnection,
    selection: &Selection,
) -> Result<Access, StoreError> {
    match selection {
        Selection::Matching(search) => Access::choose(connection, &search.address).await,
        _ => Ok(Access::Newest),
    }
}

/// Changes the state of the recipients that an act is for. Returns their keys.
///
/// # Errors
/// Where the database fails.
pub async fn act(
    connection: &mut Connection,
    act: MessageAction,
    selection: &Selection,
    access: Access,
    now: Timestamp,
) -> Result<Vec<RecipientKey>, StoreError> {
    let mut condition = matching(access, act, selection, now);
    let at = condition.parameter(Parameter::Number(now.0));
    let at = format!("${at}");
    let is_due = act.leads_to() == RecipientState::Queued;
    // The states and leases are checked outside too: a worker may claim a row while this statement
    // waits for its lock, and PostgreSQL then evaluates only the outer condition again.
    let sql = format!(
        "UPDATE recipient AS r SET state = '{}', owner = NULL, due_at = {}, settled_at = {}{} \
         WHERE (r.message_id, r.position) IN (SELECT r.message_id, r.position FROM {}) \
         AND {} AND {NOT_LEASED}{at}) RETURNING message_id, position",
        act.leads_to().as_str(),
        if is_due { &at } else { "NULL" },
        if act == MessageAction::Cancel {
            &at
        } else {
            "NULL"
        },
        if is_due {
            format!(", attempts = 0, trying_since = {at}")
        } else {
            String::new()
        },
        condition.rows(),
        in_states("r.state", act.applies_to()),
    );
    let query = sqlx::query_as(AssertSqlSafe(sql));
    Ok(bind_all!(query, condition.parameters)
        .fetch_all(connection)
        .await?)
}

/// Matches the selected recipients that the act is for.
fn matching(
    access: Access,
    act: MessageAction,
    selection: &Selection,
    now: Timestamp,
) -> Condition {
    let mut condition = Condition::new(None, access);
    condition.selection(selection);
    condition.states(act.applies_to());
    condition.not_leased(now);
    condition
}
