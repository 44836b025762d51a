//! Several workers on one database, a dead node, and settings that change under load.

use std::time::Duration;

use domain::account::Role;
use domain::outbox::{MessageAction, RecipientState, Selection};
use domain::settings::PasswordChange;
use domain::{Kind, Label, Timestamp};

use engine::{Actor, Clock, Config, Postern, Submissions};

use crate::environment::{TestEnv, execute};
use crate::outbox::{TestWorker, is, mail, through};
use crate::wait::wait_for;
use testkit::{Relay, RelayScript};

impl TestEnv {
    async fn submit_many(&self, actor: &Actor, number: usize) -> Vec<String> {
        let mut ids = Vec::new();
        for number in 0..number {
            let subject = format!("Mail {number}");
            ids.push(
                self.submit_mail(actor, &["desk@example.net"], &subject)
                    .await,
            );
        }
        ids
    }
}

async fn two_workers_share_the_mail_and_none_is_sent_twice(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let ids = env.submit_many(&admin, 300).await;
    let (one, other) = (TestWorker::begin(&env, 4), TestWorker::begin(&env, 4));
    relay.wait_for_mails(300).await;
    env.until_delivered(&admin, &ids).await;
    assert_eq!(relay.accepted().len(), 300);
    let overview = env.postern.outbox().overview(&admin).await.expect("there");
    assert_eq!(overview.workers.len(), 2);
    one.end().await;
    other.end().await;
    let overview = env.postern.outbox().overview(&admin).await.expect("there");
    assert!(overview.workers.is_empty());
}

async fn mail_of_a_node_that_died_is_delivered_by_another_after_its_lease(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("END", "250 2.0.0 queued");
    let id = env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    // The state after a node was killed during a transaction.
    env.tamper("UPDATE recipient SET owner = 'dead', due_at = due_at + 60000")
        .await;
    let other = TestWorker::begin(&env, 4);
    let message = env.message(&admin, &id).await;
    assert!(message.recipients[0].leased);
    env.pass(Duration::from_secs(61));
    env.until(&admin, &id, is(RecipientState::Delivered)).await;
    assert_eq!(relay.accepted().len(), 1);
    other.end().await;
}

async fn a_node_whose_clock_is_ahead_takes_over_no_lease_that_runs(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let leased = env.submit_mail(&admin, &["desk@example.net"], "Leased");
    let leased = leased.await;
    // The state while another node delivers it.
    env.tamper("UPDATE recipient SET owner = 'another', due_at = due_at + 60000")
        .await;
    let free = env.submit_mail(&admin, &["desk@example.net"], "Free").await;
    let clock = Clock::default();
    clock.advance(env.clock.now().saturating_since(clock.now()));
    clock.put_forward(Duration::from_secs(120));
    let config = Config {
        clock: clock.clone(),
        browser_key: None,
        ..env.config.clone()
    };
    let postern = Postern::open(config.clone()).await.expect("opens");
    let ahead = TestEnv {
        postern,
        clock,
        config,
        ..env
    };
    // By its clock both are due, and one claim would take them.
    let works = TestWorker::begin(&ahead, 4);
    ahead.until_delivered(&admin, [&free]).await;
    works.end().await;
    assert_eq!(relay.subjects(), ["Free"]);
    ahead.pass(Duration::from_secs(61));
    let works = TestWorker::begin(&ahead, 4);
    ahead.until_delivered(&admin, [&leased]).await;
    works.end().await;
    assert_eq!(relay.subjects(), ["Free", "Leased"]);
}

async fn settings_changed_under_load_apply_to_the_next_message(env: TestEnv) {
    let (admin, old, new) = (
        env.admin().await,
        Relay::start(RelayScript::pipelining()),
        Relay::start(RelayScript::pipelining()),
    );
    env.save(&admin, &old).await;
    let connections = 4;
    let works = TestWorker::begin(&env, connections);
    let mut ids = env.submit_many(&admin, 100).await;
    old.wait_for_mails(20).await;
    env.save(&admin, &new).await;
    let at_most = old.accepted().len() + connections;
    ids.extend(env.submit_many(&admin, 100).await);
    env.until_delivered(&admin, &ids).await;
    let (by_old, by_new) = (old.accepted().len(), new.accepted().len());
    assert!(
        by_old <= at_most,
        "{by_old} by the old settings, {at_most} when they were saved"
    );
    assert_eq!(by_old + by_new, 200, "each once");
    works.end().await;
}

async fn a_stopping_worker_releases_unsent_mail(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let ids = env.submit_many(&admin, 200).await;
    let works = TestWorker::begin(&env, 2);
    relay.wait_for_mails(5).await;
    works.end().await;
    let taken = relay.accepted().len();
    let mut waiting = 0;
    for id in &ids {
        let message = env.message(&admin, id).await;
        let row = &message.recipients[0];
        assert!(!row.leased, "{row:?}");
        waiting += usize::from(row.state == RecipientState::Queued);
    }
    assert_eq!(waiting + taken, 200);
    let works = TestWorker::begin(&env, 2);
    relay.wait_for_mails(200).await;
    works.end().await;
    assert_eq!(relay.accepted().len(), 200, "each once");
}

async fn an_action_that_waited_for_a_worker_skips_leased_mail(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let id = env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    // A worker is claiming it.
    let mut worker = env.connection().await;
    let take = "BEGIN; UPDATE recipient SET owner = 'worker', due_at = due_at + 60000";
    execute(&mut worker, take).await;
    let (postern, asker) = (env.postern.clone(), admin.clone());
    let selection = Selection::Message(id.clone());
    let cancels = tokio::spawn(async move {
        postern
            .outbox()
            .act(&asker, MessageAction::Cancel, &selection, None)
            .await
    });
    env.until_locked().await;
    execute(&mut worker, "COMMIT").await;
    assert_eq!(cancels.await.expect("an answer"), Ok(0));
    let message = env.message(&admin, &id).await;
    assert_eq!(message.recipients[0].state, RecipientState::Queued);
}

impl TestEnv {
    /// Another process on this database, with `--hold-mail`.
    pub async fn process_that_holds(&self) -> Postern {
        let config = Config {
            host: "staging".to_owned(),
            hold_mail: true,
            browser_key: None,
            ..self.config.clone()
        };
        Postern::open(config).await.expect("opens")
    }

    /// Waits for a heartbeat of a process with `--hold-mail`.
    async fn until_the_hold_is_renewed(&self) {
        let mut connection = self.connection().await;
        let now = self.clock.now().0;
        wait_for("a heartbeat of the hold", async || {
            let sql = "SELECT COALESCE(MAX(seen_at), 0) FROM worker WHERE hold_mail = 1";
            let found = sqlx::query_as(sql).fetch_one(&mut connection).await;
            let (seen_at,): (i64,) = found.expect("an answer");
            (seen_at >= now).then_some(()).ok_or(seen_at)
        })
        .await;
    }

    /// The time of the pause of delivery and who set it; `None` while delivery runs.
    async fn paused(&self, actor: &Actor) -> Option<(Option<Timestamp>, String)> {
        let overview = self.postern.outbox().overview(actor).await.expect("there");
        overview.pause.map(|pause| (pause.since, pause.by))
    }
}

async fn a_process_with_hold_mail_holds_for_all_until_it_stops(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let works = TestWorker::begin(&env, 4);
    let holds = env.process_that_holds().await;
    let on_staging = Some((None, "staging".to_owned()));
    assert_eq!(env.paused(&admin).await, on_staging);
    let id = env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    let message = env.until(&admin, &id, |_| true).await;
    assert_eq!(message.recipients[0].state, RecipientState::Held);
    let message = Selection::Message(id.clone());
    let release = env
        .postern
        .outbox()
        .act(&admin, MessageAction::Release, &message, None);
    assert_eq!(release.await, Ok(1));
    // The console cannot end it.
    let outbox = env.postern.outbox();
    outbox.pause_delivery(&admin, false).await.expect("resumed");
    assert_eq!(env.paused(&admin).await, on_staging);
    // Heartbeats keep the hold for longer than the row of a process that is gone counts.
    env.pass(Duration::from_secs(11));
    env.until_the_hold_is_renewed().await;
    env.pass(Duration::from_secs(11));
    assert_eq!(env.paused(&admin).await, on_staging);
    env.until(&admin, &id, is(RecipientState::Queued)).await;
    assert_eq!(relay.accepted().len(), 0, "none was sent");

    holds.close().await;
    assert_eq!(env.paused(&admin).await, None, "at once");
    env.until(&admin, &id, is(RecipientState::Delivered)).await;
    works.end().await;
}

async fn the_hold_of_a_killed_process_ends_with_its_row(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    drop(env.process_that_holds().await);
    let works = TestWorker::begin(&env, 4);
    let id = env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    env.until(&admin, &id, is(RecipientState::Held)).await;
    env.pass(Duration::from_secs(10));
    assert!(env.paused(&admin).await.is_some());
    env.pass(Duration::from_secs(10));
    assert_eq!(env.paused(&admin).await, None);
    let next = env.submit_mail(&admin, &["desk@example.net"], "Next").await;
    env.until(&admin, &next, is(RecipientState::Delivered))
        .await;
    assert_eq!(relay.accepted().len(), 1, "what was held stays so");
    works.end().await;
}

async fn settings_of_another_process_count_at_once_after_a_reload(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let config = Config {
        browser_key: None,
        ..env.config.clone()
    };
    let other = Postern::open(config).await.expect("opens");
    let accepted_from = async || {
        let submissions = Submissions::One(Box::new(mail(&["desk@example.net"], "Fire")));
        let accepted = other.outbox().accept(&admin, submissions, None).await;
        let id = accepted.expect("accepted").ids.remove(0);
        let message = other.outbox().message(&admin, &id).await;
        message.expect("there").from
    };
    assert_eq!(accepted_from().await, "alerts@example.org");
    let form = through(&relay).with(Label::FromAddress, "news@example.org");
    let saved = env
        .postern
        .settings()
        .save(&admin, form, PasswordChange::Keep, None);
    saved.await.expect("saves");
    other.settings().reload(&admin).await.expect("reloads");
    assert_eq!(accepted_from().await, "news@example.org");
    let user = env.sign_in("ann@example.org", Role::User).await;
    let refused = other.settings().reload(&user).await;
    assert_eq!(
        refused.expect_err("for administrators").kind,
        Kind::Forbidden
    );
    other.close().await;
}

/// Otherwise processes that notify each other of saves would do so for ever.
async fn a_save_is_announced_and_a_reload_is_not(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    let settings = env.postern.settings();
    let saves = settings.saves();
    settings.reload(&admin).await.expect("reloads");
    assert!(!saves.has_changed().expect("open"));
    env.save(&admin, &relay).await;
    assert!(saves.has_changed().expect("open"));
}

stories! {
    both {
        settings_of_another_process_count_at_once_after_a_reload;
        a_save_is_announced_and_a_reload_is_not;
        a_process_with_hold_mail_holds_for_all_until_it_stops;
        the_hold_of_a_killed_process_ends_with_its_row;
        settings_changed_under_load_apply_to_the_next_message;
        a_stopping_worker_releases_unsent_mail;
    }
    postgres {
        two_workers_share_the_mail_and_none_is_sent_twice;
        mail_of_a_node_that_died_is_delivered_by_another_after_its_lease;
        a_node_whose_clock_is_ahead_takes_over_no_lease_that_runs;
        an_action_that_waited_for_a_worker_skips_leased_mail;
    }
}
