//! Limits of accounts and tokens: messages in a period, and recipients of a message.

use std::time::Duration;

use domain::account::Role;
use domain::limits::rate_window::Period;
use domain::{Kind, Refusal, SendingLimits};
use engine::{Actor, Idempotency, NewToken, Postern, Submissions};

use crate::environment::TestEnv;
use crate::outbox::mail;
use testkit::{Relay, RelayScript};

fn per(period: Period, limit: u32) -> SendingLimits {
    let mut limits = SendingLimits::default();
    let field = match period {
        Period::Minute => &mut limits.max_per_minute,
        Period::Hour => &mut limits.max_per_hour,
        Period::Day => &mut limits.max_per_day,
    };
    *field = Some(limit);
    limits
}

/// Submits so many messages in one request.
async fn submit(postern: &Postern, actor: &Actor, many: usize) -> Result<Vec<String>, Refusal> {
    let message = || mail(&["desk@example.net"], "Fire");
    let submissions = match many {
        1 => Submissions::One(Box::new(message())),
        many => Submissions::Many((0..many).map(|_| message()).collect()),
    };
    let accepted = postern.outbox().accept(actor, submissions, None).await?;
    Ok(accepted.ids)
}

/// The seconds to wait of a refusal, whose text names the limit.
fn wait(result: Result<Vec<String>, Refusal>, limit: &str) -> Duration {
    let refusal = result.expect_err("at the limit");
    assert_eq!(refusal.kind, Kind::TooMany, "{refusal}");
    assert!(refusal.text().contains(limit), "{refusal}");
    assert!(refusal.text().contains("accepted from 2"), "{refusal}");
    Duration::from_secs(refusal.retry_after.expect("a time"))
}

impl TestEnv {
    /// An administrator, and a user whose mail has a relay to go to.
    async fn limited_user(&self) -> (Actor, Actor) {
        let (admin, relay) = (self.admin().await, Relay::start(RelayScript::pipelining()));
        self.save(&admin, &relay).await;
        (admin, self.sign_in("user@example.org", Role::User).await)
    }

    async fn account_id(&self, actor: &Actor) -> String {
        let accounts = self.postern.accounts();
        let found = accounts.read_by_email(&Actor::local(0), actor.name()).await;
        found.expect("known").id
    }

    async fn limit(&self, admin: &Actor, user: &Actor, limits: SendingLimits) {
        let id = self.account_id(user).await;
        let set = self.postern.limits().set_of_account(admin, &id, limits);
        assert_eq!(set.await.expect("set").limits, limits);
    }

    /// What is left of the only limit of messages of an account.
    async fn left(&self, actor: &Actor) -> u32 {
        let limits = self.postern.limits();
        let own = limits.own(actor).await.expect("readable");
        let uses = own.account.uses(limits.now());
        assert_eq!(uses.len(), 1, "{uses:?}");
        uses[0].left
    }

    /// A token of the user with these limits, used.
    async fn limited_token(&self, limits: SendingLimits) -> Actor {
        let new = NewToken {
            limits,
            ..NewToken::new("user@example.org", "app")
        };
        let accounts = self.postern.accounts();
        let secret = accounts.create_token(&Actor::local(0), new).await;
        let holder = self.holder(&secret.expect("made")).await;
        holder.expect("valid")
    }
}

async fn each_limit_holds_until_its_period_is_over(env: TestEnv) {
    let (admin, user) = env.limited_user().await;
    for (period, text) in [
        (Period::Minute, "2 messages a minute"),
        (Period::Hour, "2 messages an hour"),
        (Period::Day, "2 messages a day"),
    ] {
        env.limit(&admin, &user, SendingLimits::default()).await;
        env.limit(&admin, &user, per(period, 2)).await;
        assert_eq!(env.left(&user).await, 2);
        for _ in 0..2 {
            submit(&env.postern, &user, 1)
                .await
                .expect("within the limit");
        }
        let seconds = wait(submit(&env.postern, &user, 1).await, text);
        assert!(seconds <= period.length() * 2, "{seconds:?}");
        assert!(seconds >= period.length() / 4, "{seconds:?}");
        assert_eq!(env.left(&user).await, 0);
        // Another account is not concerned.
        submit(&env.postern, &admin, 3).await.expect("unlimited");
        env.pass(seconds);
        submit(&env.postern, &user, 1)
            .await
            .expect("after the time");
        wait(submit(&env.postern, &user, 1).await, text);
    }
}

async fn a_refused_request_counts_nothing(env: TestEnv) {
    let (admin, user) = env.limited_user().await;
    env.limit(&admin, &user, per(Period::Day, 4)).await;
    submit(&env.postern, &user, 2).await.expect("accepted");
    // All or none.
    wait(submit(&env.postern, &user, 3).await, "4 messages a day");
    assert_eq!(env.left(&user).await, 2);
    let refusal = submit(&env.postern, &user, 5).await.expect_err("never");
    assert_eq!((refusal.kind, refusal.retry_after), (Kind::Invalid, None));
    assert!(refusal.text().contains("5 mails at once"), "{refusal}");
    let nobody = mail(&[], "Fire");
    let invalid = Submissions::One(Box::new(nobody));
    let invalid = env.postern.outbox().accept(&user, invalid, None).await;
    assert_eq!(invalid.expect_err("nobody").kind, Kind::Invalid);
    assert_eq!(env.left(&user).await, 2);
    assert_eq!(env.kept(&user).await, 2);
    submit(&env.postern, &user, 2).await.expect("what is left");
    assert_eq!(env.left(&user).await, 0);
}

async fn a_retry_with_its_idempotency_key_is_not_counted(env: TestEnv) {
    let (admin, user) = env.limited_user().await;
    env.limit(&admin, &user, per(Period::Day, 2)).await;
    let first = env.keyed(&user, "one", 1, "Fire").await.expect("accepted");
    assert_eq!(env.keyed(&user, "one", 1, "Fire").await, Ok(first.clone()));
    assert_eq!(env.left(&user).await, 1);
    env.keyed(&user, "two", 2, "Fire").await.expect("accepted");
    // At the limit the first answer is still given, and a refused request may come again.
    assert_eq!(env.keyed(&user, "one", 1, "Fire").await, Ok(first));
    let refused = env.keyed(&user, "three", 3, "Fire").await;
    env.pass(wait(refused, "2 messages a day"));
    env.keyed(&user, "three", 3, "Fire")
        .await
        .expect("accepted");
    assert_eq!(env.kept(&user).await, 3);
}

async fn a_retry_is_answered_as_before_whatever_changed_since(env: TestEnv) {
    let (admin, user) = env.limited_user().await;
    let submit = async |key: &str, body: u8| {
        let one = mail(&["a@example.net", "b@example.net"], "Fire");
        let one = Submissions::One(Box::new(one));
        let key = Idempotency {
            key: key.to_owned(),
            body_sha256: [body; 32],
        };
        env.postern.outbox().accept(&user, one, Some(key)).await
    };
    let first = submit("one", 1).await.expect("accepted");
    let one_recipient = SendingLimits {
        max_recipients: Some(1),
        ..SendingLimits::default()
    };
    env.limit(&admin, &user, one_recipient).await;
    assert_eq!(submit("one", 1).await, Ok(first), "it was accepted");
    for (key, body) in [("one", 2), ("two", 1)] {
        let refusal = submit(key, body).await.expect_err("too many recipients");
        assert!(refusal.fields.contains_key("to"), "{refusal}");
    }
    assert_eq!(env.kept(&user).await, 2, "one mail for two recipients");
    env.pass(Duration::from_secs(24 * 3600));
    let late = submit("one", 1).await.expect_err("forgotten");
    assert!(late.fields.contains_key("to"), "{late}");
}

async fn the_limits_of_account_and_token_both_hold(env: TestEnv) {
    let (admin, user) = env.limited_user().await;
    env.limit(&admin, &user, per(Period::Day, 3)).await;
    let token = env.limited_token(per(Period::Hour, 2)).await;
    let other = env.limited_token(SendingLimits::default()).await;
    submit(&env.postern, &token, 2).await.expect("accepted");
    let refused = submit(&env.postern, &token, 1).await;
    wait(refused, "This token sends at most 2 messages an hour");
    submit(&env.postern, &other, 1)
        .await
        .expect("the account's third");
    for actor in [&user, &other, &token] {
        let refused = submit(&env.postern, actor, 1).await;
        wait(refused, "This account sends at most 3 messages a day");
    }
    let own = env.postern.limits().own(&token).await.expect("readable");
    let token_uses = own.token.expect("a token").uses(env.postern.limits().now());
    assert_eq!((token_uses[0].limit, token_uses[0].left), (2, 0));
    assert!(token_uses[0].next_at.is_some() && token_uses[0].resets_at.is_some());
}

async fn a_message_has_at_most_so_many_recipients(env: TestEnv) {
    let (admin, user) = env.limited_user().await;
    let recipients = |number| SendingLimits {
        max_recipients: Some(number),
        ..SendingLimits::default()
    };
    env.limit(&admin, &user, recipients(2)).await;
    let token = env.limited_token(recipients(1)).await;
    let (a, b, c) = ("a@example.net", "b@example.net", "c@example.net");
    for (actor, to, refused) in [
        (&user, &[a, b][..], None),
        // Twice the same is one.
        (&user, &[a, b, a], None),
        (
            &user,
            &[a, b, c],
            Some("of this account may have at most 2"),
        ),
        (&token, &[a], None),
        (&token, &[a, b], Some("of this token may have at most 1")),
        (&admin, &[a, b, c], None),
    ] {
        let submissions = Submissions::One(Box::new(mail(to, "Fire")));
        let accepted = env.postern.outbox().accept(actor, submissions, None).await;
        match (accepted, refused) {
            (Ok(_), None) => {}
            (Err(refusal), Some(text)) => {
                assert_eq!(refusal.kind, Kind::Invalid);
                assert!(refusal.fields["to"].contains(text), "{refusal}");
            }
            (other, _) => panic!("{to:?}: {other:?}"),
        }
    }
    let many = vec![mail(&[a], "Fire"), mail(&[a, b, c], "Fire")];
    let many = Submissions::Many(many);
    let refused = env.postern.outbox().accept(&user, many, None).await;
    let refusal = refused.expect_err("the second");
    assert!(refusal.fields.contains_key("[1].to"), "{refusal}");
}

async fn a_limit_changes_with_the_next_message(env: TestEnv) {
    let (admin, user) = env.limited_user().await;
    let limits = env.postern.limits();
    env.limit(&admin, &user, per(Period::Day, 1)).await;
    submit(&env.postern, &user, 1).await.expect("accepted");
    wait(submit(&env.postern, &user, 1).await, "1 message a day");
    // What was sent counts for the new limit.
    env.limit(&admin, &user, per(Period::Day, 2)).await;
    submit(&env.postern, &user, 1).await.expect("the second");
    wait(submit(&env.postern, &user, 1).await, "2 messages a day");
    env.limit(&admin, &user, SendingLimits::default()).await;
    submit(&env.postern, &user, 5).await.expect("unlimited");
    let own = limits.own(&user).await.expect("readable");
    assert!(own.account.uses(limits.now()).is_empty() && own.token.is_none());

    let accounts = env.postern.accounts();
    let new = NewToken::new("user@example.org", "app");
    let secret = accounts.create_token(&admin, new).await.expect("made");
    let token = env.holder(&secret).await.expect("valid");
    submit(&env.postern, &token, 2).await.expect("unlimited");
    let id = accounts.tokens(&admin).await.expect("lists").remove(0).id;
    let one = per(Period::Day, 1);
    limits.set_of_token(&admin, &id, one).await.expect("set");
    let token = env.holder(&secret).await.expect("valid");
    submit(&env.postern, &token, 1).await.expect("the first");
    wait(submit(&env.postern, &token, 1).await, "This token");
    let listed = accounts.tokens(&admin).await.expect("lists");
    assert_eq!(listed[0].quota.limits, one);
    let none = SendingLimits::default();
    limits.set_of_token(&admin, &id, none).await.expect("set");
    let token = env.holder(&secret).await.expect("valid");
    submit(&env.postern, &token, 2).await.expect("unlimited");
}

async fn administrators_set_limits(env: TestEnv) {
    let (admin, user) = env.limited_user().await;
    let (limits, id) = (env.postern.limits(), env.account_id(&user).await);
    let two = per(Period::Minute, 2);
    let token = env.limited_token(two).await;
    let admins = NewToken {
        limits: two,
        ..NewToken::new("admin@example.org", "limited")
    };
    let secret = env.postern.accounts().create_token(&admin, admins).await;
    let limited_admin = env.holder(&secret.expect("made")).await.expect("valid");
    for actor in [&user, &token, &limited_admin] {
        let refused = limits.set_of_account(actor, &id, two).await;
        assert_eq!(refused.expect_err("refused").kind, Kind::Forbidden);
    }
    let unlimited = NewToken::new("admin@example.org", "unlimited");
    let refused = env
        .postern
        .accounts()
        .create_token(&limited_admin, unlimited);
    assert_eq!(refused.await.expect_err("refused").kind, Kind::Forbidden);
    for actor in [&user, &token] {
        let refused = limits.of_account(actor, &id).await;
        assert_eq!(refused.expect_err("refused").kind, Kind::Forbidden);
    }
    for unknown in ["nobody", "a\0b"] {
        let refused = limits.set_of_account(&admin, unknown, two).await;
        assert_eq!(refused.expect_err("unknown").kind, Kind::NotFound);
        let refused = limits.set_of_token(&admin, unknown, two).await;
        assert_eq!(refused.expect_err("unknown").kind, Kind::NotFound);
    }
    let zero = per(Period::Day, 0);
    let refused = limits.set_of_account(&admin, &id, zero).await;
    let refusal = refused.expect_err("no limit");
    assert!(refusal.fields.contains_key("max_per_day"), "{refusal}");

    env.limit(&admin, &user, two).await;
    env.limit(&admin, &user, two).await;
    env.limit(&admin, &user, SendingLimits::default()).await;
    let trail = env.postern.audit().trail(&admin, 100).await.expect("rows");
    let rows = trail.iter().filter(|row| row.action == "change limits");
    let rows = rows.filter(|row| row.outcome == "done");
    let rows: Vec<&str> = rows.map(|row| row.detail.as_str()).collect();
    assert_eq!(
        rows,
        [
            "user@example.org: no limits",
            "user@example.org: 2 messages a minute"
        ]
    );

    // Limits go with their account.
    env.limit(&admin, &user, two).await;
    let deleted = env.postern.accounts().delete(&admin, &id).await;
    deleted.expect("deleted");
    let mut connection = env.connection().await;
    let left: (i64,) = sqlx::query_as("SELECT COUNT(*) FROM sending_limit")
        .fetch_one(&mut connection)
        .await
        .expect("a number");
    assert_eq!(left.0, 1, "that of the administrator's token");
}

async fn a_limit_holds_over_a_restart_and_for_all_processes(env: TestEnv) {
    let (admin, user) = env.limited_user().await;
    env.limit(&admin, &user, per(Period::Day, 10)).await;
    let other = Postern::open(env.config.clone()).await.expect("opens");
    // Each of them sends as fast as it can.
    let sends = (0..20).map(|number| {
        let postern = if number % 2 == 0 {
            &env.postern
        } else {
            &other
        };
        submit(postern, &user, 1)
    });
    let results = futures::future::join_all(sends).await;
    let (accepted, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!((accepted.len(), refused.len()), (10, 10));
    for refusal in refused {
        wait(refusal, "10 messages a day");
    }
    other.close().await;
    let restarted = Postern::open(env.config.clone()).await.expect("opens");
    let seconds = wait(submit(&restarted, &user, 1).await, "10 messages a day");
    env.pass(seconds);
    submit(&restarted, &user, 1).await.expect("after the time");
    restarted.close().await;
}

async fn a_clock_that_is_set_back_keeps_a_limit(env: TestEnv) {
    let (admin, user) = env.limited_user().await;
    env.limit(&admin, &user, per(Period::Minute, 2)).await;
    submit(&env.postern, &user, 2).await.expect("accepted");
    env.put_back(Duration::from_secs(2 * 3600));
    let seconds = wait(submit(&env.postern, &user, 1).await, "2 messages a minute");
    assert!(seconds <= Duration::from_secs(120), "{seconds:?}");
    env.pass(seconds);
    submit(&env.postern, &user, 1).await.expect("by that clock");
}

async fn mail_without_limits_leaves_no_row(env: TestEnv) {
    let (_, user) = env.limited_user().await;
    submit(&env.postern, &user, 1).await.expect("accepted");
    // Neither read nor written: without the table it is accepted.
    env.tamper("ALTER TABLE sending_limit RENAME TO gone").await;
    submit(&env.postern, &user, 2).await.expect("accepted");
}

stories! {
    both {
        each_limit_holds_until_its_period_is_over;
        a_refused_request_counts_nothing;
        a_retry_with_its_idempotency_key_is_not_counted;
        a_retry_is_answered_as_before_whatever_changed_since;
        the_limits_of_account_and_token_both_hold;
        a_message_has_at_most_so_many_recipients;
        a_limit_changes_with_the_next_message;
        administrators_set_limits;
        a_limit_holds_over_a_restart_and_for_all_processes;
        a_clock_that_is_set_back_keeps_a_limit;
        mail_without_limits_leaves_no_row;
    }
}
