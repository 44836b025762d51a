//! What failed recently: grouped by cause, with the newest message, for each account its own.

use std::time::Duration;

use domain::account::Role;
use domain::outbox::{FailureGroup, RecipientState};
use engine::Actor;
use testkit::{Relay, RelayScript};

use crate::environment::TestEnv;
use crate::outbox::{TestWorker, is};

impl TestEnv {
    async fn recent_failures(&self, actor: &Actor) -> Vec<FailureGroup> {
        let found = self.postern.outbox().recent_failures(actor).await;
        found.expect("groups").groups
    }
}

async fn failures_are_grouped_by_cause_for_those_who_may_see_them(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let user = env.sign_in("user@example.org", Role::User).await;
    relay.reply_to("RCPT TO:<gone", "550 5.1.1 no such user");
    relay.reply_to("RCPT TO:<later", "450 4.2.0 xyzzy");
    let works = TestWorker::begin(&env, 1);
    assert!(env.recent_failures(&admin).await.is_empty());
    for (actor, to, state) in [
        (&admin, "gone1@example.net", RecipientState::Failed),
        (&user, "gone2@example.net", RecipientState::Failed),
        (&user, "later@example.net", RecipientState::Deferred),
        (&user, "desk@example.net", RecipientState::Delivered),
    ] {
        let id = env.submit_mail(actor, &[to], "Fire").await;
        env.until(actor, &id, is(state)).await;
    }
    let all = env.recent_failures(&admin).await;
    let shown: Vec<_> = all
        .iter()
        .map(|group| (group.newest.state, group.number))
        .collect();
    let both = [(RecipientState::Failed, 2), (RecipientState::Deferred, 1)];
    assert_eq!(shown, both, "{all:?}");
    assert_eq!(all[0].newest.reply, "550 5.1.1 no such user");
    assert_eq!(all[1].cause, "Reply 450 4.2.0");

    let own = env.recent_failures(&user).await;
    assert_eq!(own.len(), 2, "{own:?}");
    assert_eq!(own[0].number, 1, "not the administrator's: {own:?}");
    let seen = env.postern.outbox();
    let message = seen.message(&user, &own[0].newest.message_id).await;
    assert!(message.is_ok(), "the page of the newest: {message:?}");

    // What failed longer ago is not recent; what is deferred stays until it ends.
    works.end().await;
    env.pass(Duration::from_hours(25));
    let later = env.recent_failures(&admin).await;
    assert_eq!(later.len(), 1, "{later:?}");
    assert_eq!(later[0].newest.state, RecipientState::Deferred);
}

/// Copies of the failed recipient within its message.
const COPY_999: &str = "WITH RECURSIVE number(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < 999) \
    INSERT INTO recipient (message_id, position, address, state, attempts, settled_at, reply) \
    SELECT message_id, i, address, state, attempts, settled_at, reply \
    FROM recipient CROSS JOIN number WHERE position = 0";
const COPY_ONE: &str = "INSERT INTO recipient \
    (message_id, position, address, state, attempts, settled_at, reply) \
    SELECT message_id, 1000, address, state, attempts, settled_at, reply \
    FROM recipient WHERE position = 0";
const DELETE_COPIES: &str = "DELETE FROM recipient WHERE position > 0";

/// Newer messages of the same account, without recipients.
const NEWER_5000: &str = "WITH RECURSIVE number(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < 5000) \
    INSERT INTO message (id, account_id, sender, subject, message_id, size) \
    SELECT id || '-' || i, account_id, sender, subject, message_id, size \
    FROM message CROSS JOIN number";

async fn a_number_of_failures_that_is_not_complete_is_a_lower_bound(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let user = env.sign_in("user@example.org", Role::User).await;
    relay.reply_to("RCPT TO:<gone", "550 5.1.1 no such user");
    let works = TestWorker::begin(&env, 1);
    let id = env.submit_mail(&user, &["gone@example.net"], "Fire").await;
    env.until(&user, &id, is(RecipientState::Failed)).await;
    works.end().await;
    let numbers = async |actor: &Actor| {
        let groups = env.recent_failures(actor).await;
        let numbers = groups
            .iter()
            .map(|group| (group.number, group.is_lower_bound));
        numbers.collect::<Vec<_>>()
    };

    env.tamper(COPY_999).await;
    assert_eq!(numbers(&admin).await, [(1000, false)]);
    assert_eq!(numbers(&user).await, [(1000, false)]);
    env.tamper(COPY_ONE).await;
    assert_eq!(numbers(&admin).await, [(1000, true)]);
    assert_eq!(numbers(&user).await, [(1000, true)]);

    // The failed message is beyond the newest 5,000 of its account, which are searched.
    env.tamper(DELETE_COPIES).await;
    assert_eq!(numbers(&user).await, [(1, false)]);
    env.tamper(NEWER_5000).await;
    assert_eq!(numbers(&admin).await, [(1, false)]);
    let own = env.postern.outbox().recent_failures(&user).await;
    let own = own.expect("groups");
    assert!(own.groups.is_empty() && !own.is_complete, "{own:?}");
}

stories! {
    both {
        a_number_of_failures_that_is_not_complete_is_a_lower_bound;
        failures_are_grouped_by_cause_for_those_who_may_see_them;
    }
}
