//! The table `flow`: the mail of an account in a priority class of a queue.

use std::sync::Arc;

use domain::Timestamp;
use domain::outbox::Priority;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use crate::store::recipients::horizon;
use crate::store::{Connection, Scope, StoreError};

/// The queue of mail that no rule sends elsewhere.
pub const GLOBAL_QUEUE: &str = "global";

/// The queue of mail from a domain that a rule sends through relays of its own has this prefix, and
/// then the domain as A-labels in lower case.
const DOMAIN_QUEUE: &str = "domain:";

/// The queue of the mail of an account with a relay of its own has this prefix, then the id of the
/// account, and for mail of a rule a slash and the domain of the rule.
const ACCOUNT_QUEUE: &str = "account:";

/// The queue of mail for which some relays are tried last has this prefix, then their ids in that order with
/// commas between them, a slash, and the queue that it would wait in otherwise.
const AVOIDING_QUEUE: &str = "avoiding:";

/// The local queue of mail that is pinned to a relay has this prefix, then the relay's host and port, a slash,
/// and the queue that the mail waits in. No flow in the database has it.
pub const PINNED_QUEUE: &str = "pinned:";

/// The relays that take the mail of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueTarget<'a> {
    /// The relay of the account; `None` for mail of an account without one.
    pub own: Option<Scope>,
    /// The domain of the rule, among the relays of the organisation; `None` for mail of no rule.
    pub rule: Option<&'a str>,
    /// The ids of relays of the organisation that are tried last, in this order, with commas between them.
    pub avoided: Option<&'a str>,
    /// The host and port of the only relay that may get the mail, while it is one of those.
    pub pinned_to: Option<&'a str>,
}

/// Whether a queue is that of mail that is pinned to a relay.
pub fn is_pinned(queue: &str) -> bool {
    queue.starts_with(PINNED_QUEUE)
}

/// The queue that the mail of a local queue waits in, also where it is pinned to a relay.
pub fn unpinned(queue: &str) -> &str {
    split_pinned(queue).map_or(queue, |(_, queue)| queue)
}

/// Whether a queue is that of an account with a relay of its own, also where its mail is pinned to a relay.
pub fn is_of_account(queue: &str) -> bool {
    unpinned(queue).starts_with(ACCOUNT_QUEUE)
}

/// The host and port of the relay that the mail of a local queue is pinned to, and the queue that it waits in;
/// `None` where it is pinned to none.
fn split_pinned(queue: &str) -> Option<(&str, &str)> {
    queue.strip_prefix(PINNED_QUEUE)?.split_once('/')
}

/// The queue of mail that would wait in `queue`, and for which the relays with these ids are tried last, in
/// this order. Mail of an account with a relay of its own avoids none.
pub fn avoiding(queue: Arc<str>, relays: &[String]) -> Arc<str> {
    if relays.is_empty() || is_of_account(&queue) {
        return queue;
    }
    let avoided = relays.join(",");
    let target = QueueTarget {
        avoided: Some(&avoided),
        ..QueueTarget::of(&queue)
    };
    target.queue().into()
}

impl<'a> QueueTarget<'a> {
    /// A target that avoids no relay.
    pub fn new(own: Option<Scope>, rule: Option<&'a str>) -> Self {
        Self {
            own,
            rule,
            avoided: None,
            pinned_to: None,
        }
    }

    /// The target of a queue.
    pub fn of(queue: &'a str) -> Self {
        if let Some((relay, queue)) = split_pinned(queue) {
            return Self {
                pinned_to: Some(relay),
                ..Self::of(queue)
            };
        }
        let avoiding = queue.strip_prefix(AVOIDING_QUEUE);
        if let Some((avoided, queue)) = avoiding.and_then(|queue| queue.split_once('/')) {
            return Self {
                avoided: Some(avoided),
                ..Self::of(queue)
            };
        }
        let Some(account) = queue.strip_prefix(ACCOUNT_QUEUE) else {
            return Self::new(None, queue.strip_prefix(DOMAIN_QUEUE));
        };
        let (account, rule) = match account.split_once('/') {
            Some((account, rule)) => (account, Some(rule)),
            None => (account, None),
        };
        Self::new(Scope::of_account(account), rule)
    }

    /// The ids of the relays that are tried last, in their order.
    pub fn avoided_ids(self) -> impl Iterator<Item = &'a str> {
        self.avoided.into_iter().flat_map(|ids| ids.split(','))
    }

    /// Whether a relay is among those that are tried last.
    pub fn avoids(self, relay: Scope) -> bool {
        self.avoided.is_some() && {
            let id = relay.relay_id();
            self.avoided_ids().any(|avoided| avoided == id)
        }
    }

    /// The name of the queue.
    pub fn queue(self) -> String {
        let queue = match (self.own, self.rule) {
            (None, None) => GLOBAL_QUEUE.to_owned(),
            (None, Some(rule)) => format!("{DOMAIN_QUEUE}{rule}"),
            // The scope has the text that the queue begins with.
            (Some(own), None) => own.to_string(),
            (Some(own), Some(rule)) => format!("{own}/{rule}"),
        };
        match self.avoided {
            None => queue,
            Some(avoided) => format!("{AVOIDING_QUEUE}{avoided}/{queue}"),
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

impl QueueClass {
    /// The class for the messages of this one that are pinned to the relay with this host and port.
    #[must_use]
    pub fn pinned_to(&self, relay: &str) -> Self {
        Self {
            queue: format!("{PINNED_QUEUE}{relay}/{}", self.queue).into(),
            priority: self.priority,
        }
    }
}

/// The mail of an account in a priority class of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    pub class: QueueClass,
    /// The id of the account; empty for this machine.
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
pub(in crate::store) fn priority(row: &AnyRow, column: usize) -> Result<Priority, sqlx::Error> {
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

/// Steps from flow to flow in the index of recipients that are due: neither their number nor that of idle flows
/// matters.
const WAITING: &str = "WITH RECURSIVE waiting (id) AS ( \
      SELECT (SELECT flow FROM recipient WHERE due_at IS NOT NULL ORDER BY flow LIMIT 1) \
      UNION ALL \
      SELECT (SELECT flow FROM recipient WHERE due_at IS NOT NULL AND flow > waiting.id \
      ORDER BY flow LIMIT 1) FROM waiting WHERE waiting.id IS NOT NULL) \
      SELECT flow.id, queue, priority, \
      (SELECT MIN(due_at) FROM recipient WHERE due_at IS NOT NULL AND flow = waiting.id), \
      (SELECT MAX(due_at) FROM recipient WHERE due_at IS NOT NULL AND flow = waiting.id) \
      FROM waiting JOIN flow ON flow.id = waiting.id";

/// The flows with recipients that are due now or later. Recipients that are due later than the longest
/// backoff are due now.
///
/// # Errors
/// Where the database fails.
pub async fn waiting(
    connection: &mut Connection,
    now: Timestamp,
) -> Result<Vec<WaitingFlow>, StoreError> {
    let rows: Vec<WaitingRow> = sqlx::query_as(WAITING).fetch_all(connection).await?;
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
    use crate::store::database::query_plan::query_plan;

    #[tokio::test]
    async fn flows_with_mail_are_read_by_steps_in_the_index() {
        let plan = query_plan(WAITING).await.join("; ");
        assert!(plan.contains("recipient_due (flow>?)"), "{plan}");
        assert!(
            plan.contains("recipient_due (flow=? AND due_at>?)"),
            "{plan}"
        );
        assert!(!plan.contains("SCAN flow"), "{plan}");
    }

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
            let target = QueueTarget::new(own, rule);
            assert_eq!(QueueTarget::of(queue), target);
            assert_eq!(target.queue(), queue);
        }
    }

    #[test]
    fn a_local_queue_names_the_relay_that_its_mail_is_pinned_to() {
        for queue in ["global", "account:01JD0000000000000000000000/example.org"] {
            let class = QueueClass {
                queue: queue.into(),
                priority: Priority::Normal,
            };
            let pinned = class.pinned_to("[::1]:25");
            assert!(is_pinned(&pinned.queue) && !is_pinned(queue));
            assert_eq!(is_of_account(&pinned.queue), is_of_account(queue));
            let expected = QueueTarget {
                pinned_to: Some("[::1]:25"),
                ..QueueTarget::of(queue)
            };
            assert_eq!(QueueTarget::of(&pinned.queue), expected);
        }
    }

    #[test]
    fn a_queue_names_the_relays_that_are_tried_last() {
        let second = "01JD0000000000000000000001";
        let relays = ["global".to_owned(), second.to_owned()];
        for (queue, rule) in [
            ("global", None),
            ("domain:example.org", Some("example.org")),
        ] {
            let avoiding = avoiding(queue.into(), &relays);
            assert_eq!(
                *avoiding,
                *format!("avoiding:global,01JD0000000000000000000001/{queue}")
            );
            let target = QueueTarget::of(&avoiding);
            assert_eq!((target.own, target.rule), (None, rule));
            let other = Scope::of_relay("01JD0000000000000000000002").expect("an id");
            let second = Scope::of_relay(second).expect("an id");
            assert!(target.avoids(Scope::Global) && target.avoids(second));
            assert!(!target.avoids(other));
            assert!(!QueueTarget::of(queue).avoids(Scope::Global));
        }
        let own: Arc<str> = "account:01JD0000000000000000000000".into();
        assert_eq!(avoiding(own.clone(), &relays), own);
    }
}
