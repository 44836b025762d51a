//! Changes of the health of relays to report: events of webhooks, and the table `health_mail`.

use std::time::Duration;

use domain::health::{HealthChange, HealthState};
use domain::webhook::{WebhookEvent, change_body};
use domain::{Stage, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row as _};

use super::recipients::CLOCK_SKEW;
use super::rows::{json, of_json};
use super::webhook_deliveries::NewWebhookEvent;
use super::{Connection, StoreError, webhook_deliveries, webhooks};

/// A change of the state of a relay, as a mail reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailedChange {
    pub relay_name: String,
    /// Whether it is the own relay of the account.
    pub own: bool,
    pub to: HealthState,
    pub at: Timestamp,
    pub failing_since: Option<Timestamp>,
    pub stage: Option<Stage>,
    pub cause: Option<String>,
    pub reply: Option<String>,
}

impl MailedChange {
    fn new(change: &HealthChange) -> Self {
        let failure = change.failure.as_ref();
        Self {
            relay_name: change.relay_name.clone(),
            own: change.account.is_some(),
            to: change.to,
            at: change.at,
            failing_since: change.failing_since,
            stage: failure.map(|failure| failure.stage),
            cause: failure.map(|failure| failure.summary.clone()),
            reply: failure.and_then(|failure| failure.reply.clone()),
        }
    }

    /// The change with what an earlier one says that was not mailed: the beginning of the failure, and its
    /// cause where this one has none.
    fn following(self, earlier: Self) -> Self {
        let began = earlier.failing_since.unwrap_or(earlier.at);
        let failing_since = self.failing_since.map_or(began, |since| since.min(began));
        let mut changed = Self {
            failing_since: Some(failing_since),
            ..self
        };
        if changed.cause.is_none() {
            changed.stage = earlier.stage;
            changed.cause = earlier.cause;
            changed.reply = earlier.reply;
        }
        changed
    }
}

/// A mail that is not in the outbox yet.
#[derive(Clone, Debug)]
pub struct HealthMail {
    pub id: String,
    /// The address of the account.
    pub to: String,
    pub relay_id: String,
    pub change: MailedChange,
    pub created_at: Timestamp,
}

impl FromRow<'_, AnyRow> for HealthMail {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get(0)?,
            to: row.try_get(1)?,
            relay_id: row.try_get(2)?,
            change: of_json(row.try_get(3)?)?,
            created_at: Timestamp(row.try_get(4)?),
        })
    }
}

/// The part of a mail that a later change takes over.
struct UnsentMail {
    account: String,
    change: MailedChange,
}

impl FromRow<'_, AnyRow> for UnsentMail {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            account: row.try_get(0)?,
            change: of_json(row.try_get(1)?)?,
        })
    }
}

/// Queues the report of a change of state: an event for every webhook that is switched on, and a mail to
/// every administrator. A change of the own relay of an account is mailed to that account only. Changes
/// that are no failure and end none are not reported.
///
/// A mail about an earlier failure of the relay that is not sent yet becomes a part of the new one.
///
/// # Errors
/// Where the database fails.
pub async fn add(
    work: &mut Connection,
    change: &HealthChange,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(event) = WebhookEvent::of_change(change) else {
        return Ok(());
    };
    if change.account.is_none() {
        let event = NewWebhookEvent::new(event, change_body(event, change), now);
        for webhook in webhooks::enabled_ids(work).await? {
            webhook_deliveries::add(work, &webhook, &event).await?;
        }
    }
    let mut unsent = take_unsent(work, &change.relay_id).await?;
    for account in addressees(work, change.account.as_deref()).await? {
        let mut mailed = MailedChange::new(change);
        if let Some(index) = unsent.iter().position(|mail| mail.account == account) {
            mailed = mailed.following(unsent.swap_remove(index).change);
        }
        let insert = sqlx::query(
            "INSERT INTO health_mail (id, account_id, relay_id, change, recovery, created_at, due_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        );
        insert
            .bind(ulid::Ulid::new().to_string())
            .bind(&account)
            .bind(&change.relay_id)
            .bind(json(&mailed)?)
            .bind(i64::from(mailed.to == HealthState::Healthy))
            .bind(now.0)
            .bind(now.0)
            .execute(&mut *work)
            .await?;
    }
    Ok(())
}

/// The ids of the accounts that get the mail: those of enabled administrators, or the one whose own relay
/// it is.
async fn addressees(
    connection: &mut Connection,
    own: Option<&str>,
) -> Result<Vec<String>, StoreError> {
    let query = match own {
        None => sqlx::query_scalar(
            "SELECT id FROM account WHERE role = 'admin' AND disabled_at IS NULL ORDER BY id",
        ),
        Some(id) => {
            sqlx::query_scalar("SELECT id FROM account WHERE id = $1 AND disabled_at IS NULL")
                .bind(id)
        }
    };
    Ok(query.fetch_all(connection).await?)
}

/// Deletes the mails about failures of a relay, and returns them.
async fn take_unsent(
    connection: &mut Connection,
    relay: &str,
) -> Result<Vec<UnsentMail>, StoreError> {
    let query = sqlx::query_as(
        "DELETE FROM health_mail WHERE relay_id = $1 AND recovery = 0 RETURNING account_id, change",
    );
    Ok(query.bind(relay).fetch_all(connection).await?)
}

/// The longest time until a mail is tried again.
pub const MAIL_BACKOFF_MAX: Duration = Duration::from_hours(1);

/// A mail that is due later was put off by a clock that was ahead. It is due now.
fn mail_horizon(now: Timestamp) -> Timestamp {
    now + MAIL_BACKOFF_MAX + CLOCK_SKEW
}

/// Leases up to `limit` mails that are due until `end`, the oldest first. Those to accounts that were
/// disabled meanwhile, or are no administrators any more, are deleted.
///
/// # Errors
/// Where the database fails.
pub async fn claim_mail(
    connection: &mut Connection,
    skip_locked: &str,
    now: Timestamp,
    end: Timestamp,
    limit: i64,
) -> Result<Vec<HealthMail>, StoreError> {
    let unwanted = sqlx::query(
        "DELETE FROM health_mail WHERE (due_at <= $1 OR due_at > $2) \
         AND account_id IN (SELECT a.id FROM account a \
         WHERE a.disabled_at IS NOT NULL \
         OR a.role <> 'admin' AND 'account:' || a.id <> health_mail.relay_id)",
    );
    let horizon = mail_horizon(now);
    let unwanted = unwanted.bind(now.0).bind(horizon.0);
    unwanted.execute(&mut *connection).await?;
    let sql = format!(
        "WITH due AS MATERIALIZED (SELECT id AS mail FROM health_mail \
         WHERE due_at <= $2 OR due_at > $4 ORDER BY due_at, id LIMIT $3{skip_locked}) \
         UPDATE health_mail SET due_at = $1 FROM due WHERE id = due.mail RETURNING id"
    );
    let leased: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(end.0)
        .bind(now.0)
        .bind(limit)
        .bind(horizon.0)
        .fetch_all(&mut *connection)
        .await?;
    let mut claimed = Vec::with_capacity(leased.len());
    for id in leased {
        let query = sqlx::query_as(
            "SELECT m.id, a.email, m.relay_id, m.change, m.created_at FROM health_mail m \
             JOIN account a ON a.id = m.account_id WHERE m.id = $1",
        );
        let mail: Option<HealthMail> = query.bind(&id).fetch_optional(&mut *connection).await?;
        claimed.extend(mail);
    }
    // RETURNING has no order of its own.
    claimed.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    Ok(claimed)
}

/// Makes a mail due at `at`.
///
/// # Errors
/// Where the database fails.
pub async fn defer_mail(
    connection: &mut Connection,
    id: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE health_mail SET due_at = $1 WHERE id = $2")
        .bind(at.0)
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes a mail.
///
/// # Errors
/// Where the database fails.
pub async fn remove_mail(connection: &mut Connection, id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM health_mail WHERE id = $1")
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

/// When the next mail is due; `None` where there is none.
///
/// # Errors
/// Where the database fails.
pub async fn next_mail(
    connection: &mut Connection,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let query = sqlx::query_as("SELECT MIN(due_at), MAX(due_at) FROM health_mail");
    let DueTimes { first, last } = query.fetch_one(connection).await?;
    Ok(match last > Some(mail_horizon(now)) {
        true => first.map(|first| first.min(now)),
        false => first,
    })
}

/// When the first and the last mail are due.
struct DueTimes {
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl FromRow<'_, AnyRow> for DueTimes {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let (first, last): (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Self {
            first: first.map(Timestamp),
            last: last.map(Timestamp),
        })
    }
}

#[cfg(test)]
mod tests {
    use domain::health::HealthFailure;
    use domain::view::Role;

    use super::*;
    use crate::store::accounts::{self, Account};
    use crate::store::webhooks::WebhookRow;
    use crate::store::{Store, commit};

    const RELAY: &str = "global";

    fn change(from: HealthState, to: HealthState, at: i64) -> HealthChange {
        HealthChange {
            relay_id: RELAY.to_owned(),
            relay_name: "Main relay".to_owned(),
            account: None,
            from,
            to,
            at: Timestamp(at),
            since: Timestamp(at),
            failing_since: None,
            failure: None,
        }
    }

    /// A database with an administrator, a disabled administrator, a user, a webhook, and another webhook
    /// that is switched off.
    async fn opened(folder: &std::path::Path) -> Store {
        let store = Store::open(folder, None).await.expect("a database");
        let mut work = store.begin().await.expect("begins");
        for (id, role) in [
            ("admin", Role::Admin),
            ("disabled", Role::Admin),
            ("user", Role::User),
        ] {
            let account = Account {
                id: id.to_owned(),
                email: format!("{id}@example.org"),
                role,
            };
            accounts::add(&mut work, &account, "", Timestamp(0))
                .await
                .expect("an account");
        }
        sqlx::query("UPDATE account SET disabled_at = 1 WHERE id = 'disabled'")
            .execute(&mut *work)
            .await
            .expect("disabled");
        for (id, enabled) in [("on", true), ("off", false)] {
            let row = WebhookRow {
                id: id.to_owned(),
                url: format!("https://example.org/{id}"),
                secret: String::new(),
                enabled,
                gone_at: None,
                created_at: Timestamp(0),
                created_by: String::new(),
            };
            webhooks::write(&mut work, &row).await.expect("a webhook");
        }
        commit(work).await.expect("commits");
        store
    }

    async fn report(store: &Store, change: &HealthChange) {
        let mut work = store.begin().await.expect("begins");
        add(&mut work, change, change.at).await.expect("added");
        commit(work).await.expect("commits");
    }

    /// The mails, and the types of the events of both webhooks.
    async fn queued(store: &Store) -> (Vec<HealthMail>, [Vec<String>; 2]) {
        let mut work = store.begin().await.expect("begins");
        let far = Timestamp(i64::MAX);
        let mails = claim_mail(&mut work, "", far, Timestamp(0), 50).await;
        let mut events = [Vec::new(), Vec::new()];
        for (webhook, events) in ["on", "off"].into_iter().zip(&mut events) {
            let newest = webhook_deliveries::newest(&mut work, webhook, 50).await;
            events.extend(newest.expect("a list").into_iter().map(|event| event.event));
            events.reverse();
        }
        commit(work).await.expect("commits");
        (mails.expect("mails"), events)
    }

    #[tokio::test]
    async fn a_change_is_reported_to_every_administrator_and_webhook() {
        use HealthState::{Down, Healthy, Unknown};
        let folder = tempfile::tempdir().expect("a folder");
        let store = opened(folder.path()).await;
        report(&store, &change(Unknown, Healthy, 1_000)).await;
        report(&store, &change(Healthy, Down, 2_000)).await;
        let (mails, [on, off]) = queued(&store).await;
        let [mail] = &mails[..] else {
            panic!("{mails:?}");
        };
        assert_eq!(mail.to, "admin@example.org");
        assert_eq!((mail.change.to, mail.change.at), (Down, Timestamp(2_000)));
        assert_eq!(on, ["relay.down"]);
        assert!(off.is_empty());
    }

    #[tokio::test]
    async fn a_failure_that_was_not_mailed_is_a_part_of_the_mail_about_the_recovery() {
        use HealthState::{Degraded, Down, Healthy};
        let folder = tempfile::tempdir().expect("a folder");
        let store = opened(folder.path()).await;
        let failure = HealthFailure {
            stage: Stage::Auth,
            summary: "The relay refuses the password.".to_owned(),
            reply: None,
        };
        let down = HealthChange {
            failure: Some(failure),
            failing_since: Some(Timestamp(1_500)),
            ..change(Healthy, Down, 2_000)
        };
        report(&store, &down).await;
        report(&store, &change(Down, Degraded, 3_000)).await;
        report(&store, &change(Degraded, Healthy, 4_000)).await;
        // The recovery is a mail of its own when the relay fails again.
        report(&store, &change(Healthy, Down, 5_000)).await;
        let (mails, [on, _]) = queued(&store).await;
        let told: Vec<(HealthState, Option<Timestamp>)> = mails
            .iter()
            .map(|mail| (mail.change.to, mail.change.failing_since))
            .collect();
        let expected = [(Healthy, Some(Timestamp(1_500))), (Down, None)];
        assert_eq!(told, expected);
        assert_eq!(
            mails[0].change.cause.as_deref(),
            Some("The relay refuses the password.")
        );
        let events = [
            "relay.down",
            "relay.degraded",
            "relay.recovered",
            "relay.down",
        ];
        assert_eq!(on, events);
    }

    #[tokio::test]
    async fn a_change_of_an_own_relay_is_for_its_account_alone() {
        use HealthState::{Down, Healthy};
        let folder = tempfile::tempdir().expect("a folder");
        let store = opened(folder.path()).await;
        for account in ["user", "disabled"] {
            let own = HealthChange {
                relay_id: format!("account:{account}"),
                account: Some(account.to_owned()),
                ..change(Healthy, Down, 2_000)
            };
            report(&store, &own).await;
        }
        let (mails, [on, _]) = queued(&store).await;
        assert_eq!(mails.len(), 1);
        assert_eq!(mails[0].to, "user@example.org");
        assert!(mails[0].change.own);
        assert!(on.is_empty());
    }

    #[tokio::test]
    async fn a_claimed_mail_is_due_again_when_its_lease_ends() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = opened(folder.path()).await;
        let down = change(HealthState::Healthy, HealthState::Down, 1_000);
        report(&store, &down).await;
        let mut work = store.begin().await.expect("begins");
        for (now, due, number) in [(999, 9, 0), (1_000, 2_000, 1), (1_999, 9, 0), (2_000, 9, 1)] {
            let claimed = claim_mail(&mut work, "", Timestamp(now), Timestamp(due), 50).await;
            assert_eq!(claimed.expect("claimed").len(), number, "at {now}");
        }
        let next = next_mail(&mut work, Timestamp(0)).await.expect("reads");
        assert_eq!(next, Some(Timestamp(9)));
    }

    #[tokio::test]
    async fn a_mail_to_an_account_that_may_not_have_it_any_more_is_deleted() {
        use HealthState::{Down, Healthy};
        let folder = tempfile::tempdir().expect("a folder");
        let store = opened(folder.path()).await;
        let down = change(Healthy, Down, 1_000);
        report(&store, &down).await;
        let own = HealthChange {
            relay_id: "account:user".to_owned(),
            account: Some("user".to_owned()),
            ..down
        };
        report(&store, &own).await;
        for (change, expected) in [
            (
                "role = role",
                &["admin@example.org", "user@example.org"][..],
            ),
            ("role = 'user'", &["user@example.org"]),
            ("disabled_at = 1", &[]),
        ] {
            let mut work = store.begin().await.expect("begins");
            let sql = AssertSqlSafe(format!("UPDATE account SET {change}"));
            let changed = sqlx::query(sql).execute(&mut *work).await;
            changed.expect("changed");
            commit(work).await.expect("commits");
            let (mails, _) = queued(&store).await;
            let mut to: Vec<&str> = mails.iter().map(|mail| mail.to.as_str()).collect();
            to.sort_unstable();
            assert_eq!(to, expected, "{change}");
        }
    }
}
