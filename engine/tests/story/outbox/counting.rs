//! The counts of the overview are those of the rows, whatever changes these.

use std::time::Duration;

use domain::account::Role;
use domain::outbox::{MessageAction, RecipientState, Search, Selection};
use domain::timestamp::DAY;
use engine::Actor;

use crate::environment::{TestEnv, execute};
use crate::outbox::TestWorker;
use testkit::{Relay, RelayScript};

const USER: &str = "user@example.org";

/// The recipients of each state.
type Numbers = Vec<(RecipientState, i64)>;

impl TestEnv {
    /// The counts that an actor sees, of the states that have any.
    async fn counts(&self, actor: &Actor) -> Numbers {
        let overview = self.postern.outbox().overview(actor).await;
        let counts = overview.expect("an overview").counts.into_iter();
        let shown = counts.map(|count| {
            assert_eq!(count.oldest.is_some(), count.number > 0, "{count:?}");
            (count.state, count.number)
        });
        shown.filter(|(_, number)| *number > 0).collect()
    }

    /// The rows of each state, of the messages of the account with this address or of all.
    async fn rows(&self, email: Option<&str>) -> Numbers {
        let mut connection = self.connection().await;
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT state, COUNT(*) FROM recipient JOIN message m ON m.id = recipient.message_id \
             LEFT JOIN account ON account.id = account_id \
             WHERE $1 = '*' OR email = $1 GROUP BY state",
        )
        .bind(email.unwrap_or("*"))
        .fetch_all(&mut connection)
        .await
        .expect("rows");
        let parse = |(state, number): (String, i64)| (state.parse().expect("a state"), number);
        let mut numbers: Numbers = rows.into_iter().map(parse).collect();
        numbers.sort();
        numbers
    }

    async fn assert_counted(&self, admin: &Actor, user: &Actor) {
        assert_eq!(self.counts(admin).await, self.rows(None).await);
        assert_eq!(self.counts(user).await, self.rows(Some(USER)).await);
    }
}

async fn counts_follow_every_change_of_a_recipient(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    let user = env.sign_in(USER, Role::User).await;
    env.save(&admin, &relay).await;
    relay.reply_to("RCPT TO:<gone@", "550 5.1.1 no such user\r\n");
    relay.reply_to("RCPT TO:<later@", "450 4.2.0 try again later\r\n");
    let to = ["gone@example.net", "later@example.net", "desk@example.net"];
    let mut ids = Vec::new();
    for actor in [&admin, &user, &admin, &user, &user] {
        ids.push(env.submit_mail(actor, &to, "Fire").await);
    }
    env.assert_counted(&admin, &user).await;
    let outbox = env.postern.outbox();
    for (id, act) in ids.iter().zip([MessageAction::Cancel, MessageAction::Hold]) {
        let one = Selection::Message(id.clone());
        let changed = outbox.act(&admin, act, &one, None).await;
        assert_eq!(changed, Ok(3));
        env.assert_counted(&admin, &user).await;
    }
    let works = TestWorker::begin(&env, 2);
    for id in &ids[2..] {
        let settled = |state| state != RecipientState::Queued;
        env.until(&admin, id, |message| {
            message.recipients.iter().all(|row| settled(row.state))
        })
        .await;
    }
    works.end().await;
    env.assert_counted(&admin, &user).await;
    for act in [
        MessageAction::Release,
        MessageAction::Retry,
        MessageAction::Cancel,
    ] {
        let all = Selection::Matching(Search::default());
        let counted = outbox.count_act(&admin, act, &all).await.expect("counted");
        assert!(counted.number > 0, "{act:?}");
        let changed = outbox.act(&admin, act, &all, Some(&counted)).await;
        assert_eq!(changed, Ok(counted.number), "{act:?}");
        env.assert_counted(&admin, &user).await;
    }
    let mut connection = env.connection().await;
    let delete = format!("DELETE FROM recipient WHERE message_id = '{}'", ids[0]);
    execute(&mut connection, &delete).await;
    env.assert_counted(&admin, &user).await;
}

async fn delivered_mail_is_counted_for_a_day_and_other_mail_for_ever(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("RCPT TO:<gone@", "550 5.1.1 no such user\r\n");
    let to = ["gone@example.net", "desk@example.net"];
    let id = env.submit_mail(&admin, &to, "Fire").await;
    let works = TestWorker::begin(&env, 1);
    env.until(&admin, &id, |message| {
        message
            .recipients
            .iter()
            .all(|row| row.state != RecipientState::Queued)
    })
    .await;
    works.end().await;
    let failed = (RecipientState::Failed, 1);
    let both = vec![(RecipientState::Delivered, 1), failed];
    assert_eq!(env.counts(&admin).await, both);
    env.pass(DAY.saturating_sub(Duration::from_secs(60)));
    assert_eq!(env.counts(&admin).await, both);
    // A worker deletes and adds up what is counted no longer.
    for _ in 0..3 {
        env.pass(DAY);
        let works = TestWorker::begin(&env, 1);
        works.end().await;
        assert_eq!(env.counts(&admin).await, [failed]);
    }
}

stories! {
    both {
        counts_follow_every_change_of_a_recipient;
        delivered_mail_is_counted_for_a_day_and_other_mail_for_ever;
    }
}
