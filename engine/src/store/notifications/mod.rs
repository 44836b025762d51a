//! Tables of webhooks, their deliveries and mail about relays; the reports of changes of health.

pub mod health_mail;
pub mod webhook_deliveries;
pub mod webhooks;

use domain::Timestamp;
use domain::health::HealthChange;
use domain::webhook::{WebhookEvent, change_body};

use super::{Connection, StoreError};
use health_mail::{MailedChange, NewHealthMail};
use webhook_deliveries::NewWebhookEvent;

/// Queues the report of a change of state: an event for every webhook of the organisation that is switched
/// on, and a mail to every administrator. A change of the own relay of an account is mailed to that account
/// only. Changes that are no failure and end none are not reported.
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
    let mut unsent = health_mail::take_unsent(work, &change.relay_id).await?;
    for account in mail_recipients(work, change.account.as_deref()).await? {
        let mut mailed = MailedChange::new(change);
        let earlier = unsent.iter().position(|mail| mail.account == account);
        let earlier = earlier.and_then(|index| unsent.swap_remove(index).change);
        if let Some(earlier) = earlier {
            mailed = mailed.following(earlier);
        }
        let mail = NewHealthMail {
            account: &account,
            relay_id: &change.relay_id,
            change: &mailed,
        };
        health_mail::add(work, &mail, now).await?;
    }
    Ok(())
}

/// The ids of the accounts that get the mail: those of enabled administrators, or the one whose own relay
/// it is.
async fn mail_recipients(
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

#[cfg(test)]
mod tests {
    use domain::Stage;
    use domain::account::Role;
    use domain::health::{HealthFailure, HealthState};
    use sqlx::AssertSqlSafe;

    use super::*;
    use crate::store::accounts::{self, Account};
    use crate::store::notifications::health_mail::{claim, next_due};
    use crate::store::notifications::webhooks::WebhookRow;
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

    /// A database with an administrator, a disabled administrator, a user, a webhook, another webhook that is
    /// switched off, and a webhook of the user.
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
        for (id, enabled, account) in [
            ("on", true, None),
            ("off", false, None),
            ("own", true, Some("user")),
        ] {
            let row = WebhookRow {
                id: id.to_owned(),
                url: format!("https://example.org/{id}"),
                secret: String::new(),
                enabled,
                gone_at: None,
                created_at: Timestamp(0),
                created_by: String::new(),
                account: account.map(str::to_owned),
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

    /// A queued mail.
    #[derive(Debug)]
    struct QueuedMail {
        to: String,
        change: MailedChange,
    }

    /// The queued mails, and the types of the events of both webhooks.
    async fn queued(store: &Store) -> (Vec<QueuedMail>, [Vec<String>; 2]) {
        let mut work = store.begin().await.expect("begins");
        let far = Timestamp(i64::MAX);
        let mails = claim(&mut work, "", far, Timestamp(0), 50).await;
        let mut events = [Vec::new(), Vec::new()];
        for (webhook, events) in ["on", "off"].into_iter().zip(&mut events) {
            let newest = webhook_deliveries::newest(&mut work, webhook, 50).await;
            events.extend(newest.expect("a list").into_iter().map(|event| event.event));
            events.reverse();
        }
        commit(work).await.expect("commits");
        let mails = mails.expect("mails").into_iter().map(|mail| QueuedMail {
            change: mail.change().expect("a change"),
            to: mail.to,
        });
        (mails.collect(), events)
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
        let mut connection = store.read().await.expect("a connection");
        let own = webhook_deliveries::queued(&mut connection, "own").await;
        assert_eq!(own.expect("a number"), 0);
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
        // The recovery remains a separate mail when the relay fails again.
        report(&store, &change(Healthy, Down, 5_000)).await;
        let (mails, [on, _]) = queued(&store).await;
        let sent: Vec<(HealthState, Option<Timestamp>)> = mails
            .iter()
            .map(|mail| (mail.change.to, mail.change.failing_since))
            .collect();
        let expected = [(Healthy, Some(Timestamp(1_500))), (Down, None)];
        assert_eq!(sent, expected);
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
    async fn a_mail_that_cannot_be_read_stops_no_report() {
        use HealthState::{Down, Healthy};
        let folder = tempfile::tempdir().expect("a folder");
        let store = opened(folder.path()).await;
        let mut work = store.begin().await.expect("begins");
        let insert = sqlx::query(
            "INSERT INTO health_mail \
             (id, account_id, relay_id, change, recovery, created_at, due_at) \
             VALUES ('later', 'admin', 'global', '{}', 0, 0, 0)",
        );
        insert.execute(&mut *work).await.expect("inserted");
        commit(work).await.expect("commits");
        report(&store, &change(Healthy, Down, 2_000)).await;
        let (mails, _) = queued(&store).await;
        assert_eq!(mails.len(), 1);
        assert_eq!(mails[0].change.to, Down);
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
            let claimed = claim(&mut work, "", Timestamp(now), Timestamp(due), 50).await;
            assert_eq!(claimed.expect("claimed").len(), number, "at {now}");
        }
        let next = next_due(&mut work, Timestamp(0)).await.expect("reads");
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
