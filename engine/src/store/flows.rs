//! The table `flow`: the mail of an account in a priority class of a queue.

use std::sync::Arc;

use domain::Timestamp;
use domain::outbox::Priority;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use super::recipients::horizon;
use super::{Connection, Scope, StoreError};

/// The queue of mail that no rule sends elsewhere.
pub const GLOBAL_QUEUE: &str = "global";

/// The queue of mail from a domain that a rule sends through relays of its own has this prefix, and
/// then the domain as A-labels in lower case.
const DOMAIN_QUEUE: &str = "domain:";

/// The queue of the mail of an account with a relay of its own has this prefix, then the id of the
/// account, and for mail of a rule a slash and the domain of the rule.
const ACCOUNT_QUEUE: &str = "account:";

/// The relays that the mail of a queue is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueTarget<'a> {
    /// The relay of the account; `None` for mail of an account without one.
    pub own: Option<Scope>,
    /// The domain of the rule, among the relays of the organisation; `None` for mail of no rule.
    pub rule: Option<&'a str>,
}

/// Whether a queue is that of an account with a relay of its own.
pub fn is_of_account(queue: &str) -> bool {
    queue.starts_with(ACCOUNT_QUEUE)
}

impl<'a> QueueTarget<'a> {
    /// The target of a queue.
    pub fn of(queue: &'a str) -> Self {
        let Some(account) = queue.strip_prefix(ACCOUNT_QUEUE) else {
            return Self {
                own: None,
                rule: queue.strip_prefix(DOMAIN_QUEUE),
            };
        };
        let (account, rule) = match account.split_once('/') {
            Some((account, rule)) => (account, Some(rule)),
            None => (account, None),
        };
        Self {
            own: Scope::of_account(account),
            rule,
        }
    }

    /// The name of the queue.
    pub fn queue(self) -> String {
        match (self.own, self.rule) {
            (None, None) => GLOBAL_QUEUE.to_owned(),
            (None, Some(rule)) => format!("{DOMAIN_QUEUE}{rule}"),
            // The scope has the text that the queue begins with.
            (Some(own), None) => own.to_string(),
            (Some(own), Some(rule)) => format!("{own}/{rule}"),
        }
    }
}

/// A priority class of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QueueClass {
    /// The name of the queue.
    pub queue: Arc<str>,
    pub priority: Priority,
}

/// The mail of an account in a priority class of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    pub class: QueueClass,
    /// Empty for this machine.
    pub account: Arc<str>,
}

/// A flow with recipients that are due now or later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingFlow {
    pub id: i64,
    pub class: QueueClass,
    /// When the next of its recipients is due or the next lease ends.
    pub due: Timestamp,
}

/// The columns of a [`WaitingFlow`]; the last is when the last of its recipients is due.
struct WaitingRow {
    flow: WaitingFlow,
    last: Timestamp,
}

impl FromRow<'_, AnyRow> for WaitingRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            flow: WaitingFlow {
                id: row.try_get(0)?,
                class: QueueClass {
                    queue: row.try_get::<&str, _>(1)?.into(),
                    priority: priority(row, 2)?,
                },
                due: Timestamp(row.try_get(3)?),
            },
            last: Timestamp(row.try_get(4)?),
        })
    }
}

/// The id of a flow, which is inserted where it is new.
///
/// # Errors
/// Where the database fails.
pub async fn id(connection: &mut Connection, flow: &Flow) -> Result<i64, StoreError> {
    sqlx::query(
        "INSERT INTO flow (queue, priority, account_id) VALUES ($1, $2, $3) \
         ON CONFLICT (queue, priority, account_id) DO NOTHING",
    )
    .bind(&*flow.class.queue)
    .bind(flow.class.priority.as_str())
    .bind(&*flow.account)
    .execute(&mut *connection)
    .await?;
    let (id,): (i64,) = sqlx::query_as(
        "SELECT id FROM flow WHERE queue = $1 AND priority = $2 AND account_id = $3",
    )
    .bind(&*flow.class.queue)
    .bind(flow.class.priority.as_str())
    .bind(&*flow.account)
    .fetch_one(connection)
    .await?;
    Ok(id)
}

/// The priority of a message; `None` where it is not stored.
///
/// # Errors
/// Where the database fails, or holds an unknown priority.
pub async fn priority_of_message(
    connection: &mut Connection,
    message_id: &str,
) -> Result<Option<Priority>, StoreError> {
    // The recipients of a message are in one flow.
    let row = sqlx::query(
        "SELECT flow.priority FROM recipient JOIN flow ON flow.id = recipient.flow \
         WHERE recipient.message_id = $1 ORDER BY recipient.position LIMIT 1",
    )
    .bind(message_id)
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| priority(&row, 0)).transpose()?)
}

/// The priority in a column.
pub(super) fn priority(row: &AnyRow, column: usize) -> Result<Priority, sqlx::Error> {
    let name: &str = row.try_get(column)?;
    name.parse()
        .map_err(|_| sqlx::Error::Decode(format!("unknown priority {name}").into()))
}

/// The queue in which a message waits; `None` where there is no such message.
///
/// # Errors
/// Where the database fails.
pub async fn queue_of(
    connection: &mut Connection,
    message_id: &str,
) -> Result<Option<String>, StoreError> {
    // All recipients of a message are in the same flow.
    let query = sqlx::query_scalar(
        "SELECT queue FROM recipient JOIN flow ON flow.id = recipient.flow \
         WHERE message_id = $1 AND position = 0",
    );
    Ok(query.bind(message_id).fetch_optional(connection).await?)
}

/// The flows with recipients that are due now or later. Recipients that are due later than the longest
/// backoff are due now.
///
/// # Errors
/// Where the database fails.
pub async fn waiting(
    connection: &mut Connection,
    now: Timestamp,
) -> Result<Vec<WaitingFlow>, StoreError> {
    // Steps from flow to flow in the index of recipients that are due: neither their number nor that of
    // idle flows matters.
    let rows: Vec<WaitingRow> = sqlx::query_as(
        "WITH RECURSIVE waiting (id) AS ( \
         SELECT (SELECT flow FROM recipient WHERE due_at IS NOT NULL ORDER BY flow LIMIT 1) \
         UNION ALL \
         SELECT (SELECT flow FROM recipient WHERE due_at IS NOT NULL AND flow > waiting.id \
         ORDER BY flow LIMIT 1) FROM waiting WHERE waiting.id IS NOT NULL) \
         SELECT flow.id, queue, priority, \
         (SELECT MIN(due_at) FROM recipient WHERE due_at IS NOT NULL AND flow = waiting.id), \
         (SELECT MAX(due_at) FROM recipient WHERE due_at IS NOT NULL AND flow = waiting.id) \
         FROM waiting JOIN flow ON flow.id = waiting.id",
    )
    .fetch_all(connection)
    .await?;
    let due = |WaitingRow { mut flow, last }| {
        if last > horizon(now) {
            flow.due = flow.due.min(now);
        }
        flow
    };
    Ok(rows.into_iter().map(due).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_names_the_account_with_its_own_relay_and_the_rule() {
        let account = "01JD0000000000000000000000";
        let own = Scope::of_account(account);
        for (queue, own, rule) in [
            ("global", None, None),
            ("domain:example.org", None, Some("example.org")),
            ("account:01JD0000000000000000000000", own, None),
            (
                "account:01JD0000000000000000000000/example.org",
                own,
                Some("example.org"),
            ),
        ] {
            let target = QueueTarget { own, rule };
            assert_eq!(QueueTarget::of(queue), target);
            assert_eq!(target.queue(), queue);
        }
    }
}
