//! What relays do: their open connections over all processes, and their mail of the last day.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::Kind;
use domain::account::Role;
use domain::figures::{FigureRow, FigureSubject};
use domain::outbox::RecipientState;
use domain::settings::PasswordChange;
use engine::Actor;

use crate::environment::TestEnv;
use crate::outbox::{TestWorker, states};
use crate::own_relay::{TO, own_form, relay};
use crate::wait::wait_for;

impl TestEnv {
    /// Waits until an actor sees these open connections.
    async fn until_connections(&self, actor: &Actor, expected: &[(&str, u64)]) {
        let expected = expected.iter();
        let expected: BTreeMap<String, u64> = expected
            .map(|(relay, open)| ((*relay).to_owned(), *open))
            .collect();
        wait_for("the open connections", async || {
            let open = self.postern.outbox().connections(actor).await;
            let open = open.expect("readable");
            match open == expected {
                true => Ok(()),
                false => Err(open),
            }
        })
        .await;
    }
}

async fn open_connections_are_counted_by_relay_over_all_processes(env: TestEnv) {
    let (admin, ann) = (env.admin().await, env.user().await);
    let ben = env.sign_in("ben@example.org", Role::User).await;
    let (organisation, own) = (relay(), relay());
    env.save(&admin, &organisation).await;
    let saved = env.save_own(&ann, own_form(&own), PasswordChange::Keep);
    saved.await.expect("saved");
    let of_ann = env.postern.health().own(&ann).await.expect("readable");
    let of_ann = of_ann.expect("a relay").relay_id;
    organisation.stall();
    own.stall();
    let works = TestWorker::begin(&env, 4);
    let mails = [
        env.submit_mail(&admin, &[TO], "Held").await,
        env.submit_mail(&ann, &[TO], "Held").await,
    ];
    env.until_connections(&admin, &[("global", 1)]).await;
    env.until_connections(&ann, &[(of_ann.as_str(), 1)]).await;
    env.until_connections(&ben, &[]).await;

    // The row of another process.
    env.tamper(
        "INSERT INTO worker (id, host, seen_at, connections, per_minute, relay_connections) \
         SELECT 'other', host, seen_at + 3600000, 2, 0, '{\"global\":2}' FROM worker",
    )
    .await;
    env.until_connections(&admin, &[("global", 3)]).await;
    env.until_connections(&ann, &[(of_ann.as_str(), 1)]).await;
    env.tamper("UPDATE worker SET seen_at = 0 WHERE id = 'other'")
        .await;
    env.until_connections(&admin, &[("global", 1)]).await;

    organisation.reset();
    own.reset();
    env.until_delivered(&admin, &mails).await;
    works.end().await;
    env.until_connections(&admin, &[]).await;
    env.until_connections(&ann, &[]).await;
}

/// Delivered, deferred and failed.
fn numbers(row: &FigureRow) -> [u64; 3] {
    [row.delivered, row.deferred, row.failed]
}

async fn the_last_day_of_all_relays_is_that_of_their_figures(env: TestEnv) {
    env.to_noon();
    let (admin, ann) = (env.admin().await, env.user().await);
    let (organisation, own) = (relay(), relay());
    env.save(&admin, &organisation).await;
    let second = env.add(&admin, "Second").await.id;
    let saved = env.save_own(&ann, own_form(&own), PasswordChange::Keep);
    saved.await.expect("saved");
    let works = TestWorker::begin(&env, 2);
    let old = env.submit_mail(&admin, &[TO], "Old").await;
    env.until_delivered(&admin, [&old]).await;
    works.end().await;

    env.pass(Duration::from_secs(25 * 3600));
    organisation.reply_to("RCPT TO:<gone@", "550 5.1.1 no such user\r\n");
    organisation.reply_to("RCPT TO:<later@", "450 4.2.0 try again later\r\n");
    let works = TestWorker::begin(&env, 2);
    let to = [TO, "gone@example.net", "later@example.net"];
    let three = env.submit_mail(&admin, &to, "Three").await;
    let expected = [
        RecipientState::Delivered,
        RecipientState::Failed,
        RecipientState::Deferred,
    ];
    env.until(&admin, &three, |message| states(message) == expected)
        .await;
    let of_ann = env.submit_mail(&ann, &[TO], "Ann").await;
    env.until_delivered(&admin, [&of_ann]).await;
    works.end().await;

    let figures = env.postern.figures();
    let day = figures.of_relays(&admin).await.expect("readable");
    let found: Vec<(&str, [u64; 3])> = day
        .iter()
        .map(|(relay, row)| (relay.as_str(), numbers(row)))
        .collect();
    assert_eq!(found, [(second.as_str(), [0; 3]), ("global", [1; 3])]);
    assert_eq!(day[&second].p50, None);
    let global = FigureSubject::Relay("global".to_owned());
    let total = env.figures(&admin, &global).await.total;
    assert!(total.p50.is_some() && day["global"] == total, "{total:?}");

    let own_day = figures.of_own_relay(&ann).await.expect("readable");
    assert_eq!(own_day.as_ref().map(numbers), Some([1, 0, 0]));
    assert_eq!(figures.of_own_relay(&Actor::local(0)).await, Ok(None));
    let refused = figures.of_relays(&ann).await;
    assert_eq!(refused.expect_err("a user").kind, Kind::Forbidden);
}

stories! {
    both {
        open_connections_are_counted_by_relay_over_all_processes;
        the_last_day_of_all_relays_is_that_of_their_figures;
    }
}
