//! What failed of late: grouped by cause, with the newest message, for each account its own.

use std::time::Duration;

use domain::outbox::{FailureGroup, RecipientState};
use domain::view::Role;
use engine::Actor;
use testkit::{Relay, RelayScript};

use crate::environment::TestEnv;
use crate::outbox::{TestWorker, is};

impl TestEnv {
    async fn recent_failures(&self, actor: &Actor) -> Vec<FailureGroup> {
        let found = self.postern.outbox().recent_failures(actor).await;
        found.expect("groups")
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
        let id = env.hand_over(actor, &[to], "Fire").await;
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

    // What failed longer ago is not of late; what is deferred stays until it ends.
    works.end().await;
    env.pass(Duration::from_hours(25));
    let later = env.recent_failures(&admin).await;
    assert_eq!(later.len(), 1, "{later:?}");
    assert_eq!(later[0].newest.state, RecipientState::Deferred);
}

stories! {
    both {
        failures_are_grouped_by_cause_for_those_who_may_see_them;
    }
}
