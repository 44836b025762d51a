//! A relay that refuses every message for a reason of its own.

use std::time::Duration;

use domain::outbox::{MessageView, RecipientState};

use crate::environment::TestEnv;
use crate::outbox::{TestWorker, is};
use testkit::{Relay, RelayScript};

const DENIED: &str = "554 5.7.1 <desk@example.net>: Relay access denied";

/// Mails that fail before their refusal is taken for a condition of the relay.
const FEW: usize = 4;

async fn mail_waits_while_a_relay_denies_relaying_to_everybody(env: TestEnv) {
    for script in [RelayScript::pipelining(), RelayScript::chunking()] {
        let (admin, relay) = (env.admin().await, Relay::start(script));
        env.save(&admin, &relay).await;
        relay.reply_to("RCPT", DENIED);
        let mut ids = Vec::new();
        for _ in 0..60 {
            ids.push(env.submit_mail(&admin, &["desk@example.net"], "Fire").await);
        }
        let works = TestWorker::begin(&env, 8);
        let mut shown = env.until_backoff(&admin, None).await;
        let reply = shown.failure.reply.clone().expect("a reply");
        assert_eq!(reply.to_line(), DENIED);
        // Each backoff ends with one mail that is refused as well, and does not fail.
        for _ in 0..3 {
            let tried = relay.count("RCPT");
            env.pass(Duration::from_mins(10));
            relay.wait_for("RCPT", tried + 1).await;
            shown = env.until_backoff(&admin, Some(&shown)).await;
        }
        let is_free = |message: &MessageView| !message.recipients[0].leased;
        let mut waiting = Vec::new();
        for id in &ids {
            let message = env.until(&admin, id, is_free).await;
            let row = &message.recipients[0];
            match row.state {
                RecipientState::Failed => assert_eq!(row.attempts, 1),
                state => {
                    assert_eq!((state, row.attempts), (RecipientState::Queued, 0));
                    waiting.push(id.clone());
                }
            }
        }
        assert_eq!(ids.len() - waiting.len(), FEW);

        relay.reset();
        env.pass(Duration::from_mins(10));
        env.until_delivered(&admin, &waiting).await;
        assert_eq!(relay.accepted().len(), waiting.len(), "each once");
        works.end().await;
    }
}

async fn refusals_between_accepted_mails_are_of_these_mails(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to(
        "RCPT TO:<gone",
        "550 5.7.1 <gone@example.net>: Relay access denied",
    );
    let works = TestWorker::begin(&env, 1);
    for _ in 0..2 * FEW {
        let refused = env.submit_mail(&admin, &["gone@example.net"], "Fire").await;
        env.until(&admin, &refused, is(RecipientState::Failed))
            .await;
        let accepted = env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
        env.until_delivered(&admin, [&accepted]).await;
    }
    works.end().await;
}

stories! {
    both {
        mail_waits_while_a_relay_denies_relaying_to_everybody;
        refusals_between_accepted_mails_are_of_these_mails;
    }
}
