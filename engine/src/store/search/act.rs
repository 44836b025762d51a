//! Counts and finds the recipients that an action of an administrator would change.

use domain::Timestamp;
use domain::outbox::{ActionCount, Cursor, MessageAction, RecipientState, Selection};

use super::condition::{Access, Condition};
use super::connection::SearchConnection;
use super::parameter::Parameter;
use crate::store::StoreError;
use crate::store::recipients::RecipientKey;

/// The number of recipients that an action would change, among messages up to the id `up_to`.
///
/// # Errors
/// Where the database fails.
pub async fn count(
    connection: &mut SearchConnection,
    act: MessageAction,
    selection: &Selection,
    up_to: Option<&str>,
    now: Timestamp,
) -> Result<ActionCount, StoreError> {
    let access = access(connection, selection).await?;
    let condition = matching(access, act.applies_to(), selection, up_to, now);
    let sql = format!(
        "SELECT COUNT(*), MAX(r.message_id) FROM {}",
        condition.rows()
    );
    let found: Vec<(i64, Option<String>)> = connection.fetch(sql, condition.parameters).await?;
    let (number, up_to) = found.into_iter().next().unwrap_or_default();
    Ok(ActionCount { number, up_to })
}

/// Finds the recipients that an action would change, in chunks: state by state, newest first.
pub struct ActionScan {
    selection: Selection,
    access: Access,
    up_to: Option<String>,
    /// The states to scan, the last one first.
    states: Vec<RecipientState>,
    /// The last row found in the state that is scanned.
    behind: Option<Cursor>,
}

impl ActionScan {
    /// A scan of messages up to the id `up_to`.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn new(
        connection: &mut SearchConnection,
        act: MessageAction,
        selection: &Selection,
        up_to: Option<&str>,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            access: access(connection, selection).await?,
            selection: selection.clone(),
            up_to: up_to.map(str::to_owned),
            states: states(act, selection),
            behind: None,
        })
    }

    /// The next `limit` recipients; fewer at the end.
    ///
    /// # Errors
    /// [`StoreError::TooSlow`] after the time limit of searches; where the database fails.
    pub async fn next(
        &mut self,
        connection: &mut SearchConnection,
        limit: i64,
        now: Timestamp,
    ) -> Result<Vec<RecipientKey>, StoreError> {
        let mut found: Vec<RecipientKey> = Vec::new();
        while let Some(state) = self.states.last() {
            let wanted = limit - found.len() as i64;
            if wanted <= 0 {
                break;
            }
            let up_to = self.up_to.as_deref();
            let mut condition = matching(self.access, &[*state], &self.selection, up_to, now);
            if let Some(row) = &self.behind {
                condition.behind(row);
            }
            let limit = condition.parameter(Parameter::Number(wanted));
            let id = condition.id();
            let sql = format!(
                "SELECT r.message_id, r.position FROM {} ORDER BY {id} DESC, r.position DESC \
                 LIMIT ${limit}",
                condition.rows()
            );
            let rows: Vec<RecipientKey> = connection.fetch(sql, condition.parameters).await?;
            if (rows.len() as i64) < wanted {
                self.states.pop();
                self.behind = None;
            } else {
                self.behind = rows.last().map(|last| Cursor {
                    id: last.message_id.clone(),
                    position: last.position,
                });
            }
            found.extend(rows);
        }
        Ok(found)
    }
}

/// The states of selected recipients that an action applies to.
pub fn states(act: MessageAction, selection: &Selection) -> Vec<RecipientState> {
    let only = match selection {
        Selection::Matching(search) => search.state,
        _ => None,
    };
    let states = act.applies_to().iter().copied();
    states
        .filter(|state| only.is_none_or(|only| only == *state))
        .collect()
}

/// The access for a selection.
async fn access(
    connection: &mut SearchConnection,
    selection: &Selection,
) -> Result<Access, StoreError> {
    match selection {
        Selection::Matching(search) => Access::choose(connection, &search.address).await,
        _ => Ok(Access::Newest),
    }
}

/// Matches the selected recipients in these states that no worker has leased.
fn matching(
    access: Access,
    states: &[RecipientState],
    selection: &Selection,
    up_to: Option<&str>,
    now: Timestamp,
) -> Condition {
    let mut condition = Condition::new(None, access);
    condition.selection(selection);
    condition.states(states);
    condition.not_leased(now);
    if let Some(up_to) = up_to {
        let before = format!("{} <= ", condition.id());
        condition.and(&before, Parameter::Text(up_to.to_owned()));
    }
    condition
}
