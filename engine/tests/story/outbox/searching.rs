//! Searches that take long: they end, and delay nobody else.

use std::time::{Duration, Instant};

use domain::account::Role;
use domain::outbox::{OutboxRows, Search};
use domain::{Kind, Refusal};
use engine::{Actor, Postern};
use tokio::task::JoinSet;

use crate::environment::TestEnv;
use testkit::{Relay, RelayScript};

/// A search for a subject takes longer than any test.
const SLOW_SQLITE: &str = "ALTER TABLE message RENAME TO stored_message; \
    CREATE VIEW message AS SELECT id, account_id, sender, subject, message_id, size, \
    (WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n) SELECT MAX(x) FROM n) \
    AS subject_folded FROM stored_message";
const SLOW_POSTGRES: &str = "ALTER TABLE message RENAME TO stored_message; \
    CREATE FUNCTION slow(TEXT) RETURNS TEXT LANGUAGE plpgsql STABLE AS \
    $$ BEGIN PERFORM pg_sleep(600); RETURN NULL; END $$; \
    CREATE VIEW message AS SELECT id, account_id, sender, subject, message_id, size, \
    slow(id) AS subject_folded FROM stored_message";

async fn search(postern: Postern, actor: Actor) -> Result<OutboxRows, Refusal> {
    let search = Search {
        subject: "fire".to_owned(),
        ..Search::default()
    };
    postern.outbox().page(&actor, &search, None).await
}

async fn a_slow_search_is_ended_and_delays_nobody_else(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    env.tamper(match env.config.database {
        Some(_) => SLOW_POSTGRES,
        None => SLOW_SQLITE,
    })
    .await;

    let mut searches = JoinSet::new();
    for number in 0..4 {
        let email = format!("admin{number}@example.org");
        let actor = env.sign_in(&email, Role::Admin).await;
        searches.spawn(search(env.postern.clone(), actor));
    }
    let outbox = env.postern.outbox();
    let mut ended = Vec::new();
    while !searches.is_empty() {
        let overview = outbox.overview(&admin).await;
        overview.expect("an overview");
        let page = outbox.page(&admin, &Search::default(), None).await;
        assert_eq!(page.expect("a page").lines.len(), 1);
        outbox.metrics(None, true).await.expect("metrics");
        while let Some(search) = searches.try_join_next() {
            ended.push(search.expect("ends"));
        }
    }
    for search in ended {
        let refusal = search.expect_err("too slow");
        assert_eq!(refusal.kind, Kind::Unavailable);
        let text = &refusal.fields["request"];
        assert!(text.contains("longer than 2 s"), "{text}");
    }

    // Two searches of one account run one after the other.
    let begun = Instant::now();
    let searches = [(), ()].map(|()| search(env.postern.clone(), admin.clone()));
    for search in futures::future::join_all(searches).await {
        search.expect_err("too slow");
    }
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(3_900), "{took:?}");
}

stories! {
    both {
        a_slow_search_is_ended_and_delays_nobody_else;
    }
}
