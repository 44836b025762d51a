//! Outages of PostgreSQL, and the recovery from them.

use std::cell::Cell;
use std::time::Duration;

use domain::Kind;
use domain::outbox::{MessageView, RecipientState};
use engine::{Config, Postern};
use tokio::time::{Instant, timeout};

use crate::environment::{TestEnv, execute};
use crate::outbox::{TestWorker, is};
use crate::wait::wait_for;
use testkit::{Relay, RelayScript};

async fn delivery_recovers_from_a_database_outage(env: TestEnv) {
    let (env, wire) = env.over_a_wire().await;
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let works = TestWorker::begin(&env, 4);
    let lock = env.lock_out().await;
    let is_silent = Cell::new(false);
    let meanwhile = async {
        env.until_locked().await;
        wire.goes_silent();
        is_silent.set(true);
    };
    let asked = env.keyed(&admin, "k", 1, "Fire");
    let answer = async { tokio::join!(asked, meanwhile).0 };
    let answer = timeout(Duration::from_secs(50), answer).await;
    let Ok(answer) = answer else {
        let seen = is_silent.get();
        panic!("no answer within 50 s; the statement was held up and the wire silent: {seen}");
    };
    let refusal = answer.expect_err("not accepted");
    assert_eq!(refusal.kind, Kind::Unavailable);
    assert!(refusal.retry_after.is_some());
    let fault = &refusal.fields["request"];
    assert!(
        fault.contains("unknown whether the change was stored"),
        "{fault}"
    );

    drop(lock);
    wire.mends();
    // Each broken connection of the pool is discovered on use.
    let ids = wait_for("an acceptance", async || {
        let answer = env.keyed(&admin, "k", 1, "Fire").await;
        answer.inspect_err(|refusal| assert_eq!(refusal.kind, Kind::Unavailable))
    })
    .await;
    env.until_delivered(&admin, &ids).await;
    works.end().await;
    assert_eq!(relay.subjects(), ["Fire"]);
}

async fn connections_commit_durably_and_end_when_the_node_is_gone(env: TestEnv) {
    let mut connection = env.connection().await;
    let server = env.config.database.as_deref().expect("PostgreSQL");
    let (_, name) = server.rsplit_once('/').expect("an address with a database");
    let weaker = format!("ALTER DATABASE {name} SET synchronous_commit = off");
    let weaken = sqlx::raw_sql(sqlx::AssertSqlSafe(weaker));
    weaken.execute(&mut connection).await.expect("executes");
    // Notes the settings of the session that writes a message.
    let watch = "CREATE TABLE noted (name TEXT, value TEXT); \
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
        INSERT INTO noted SELECT name, setting FROM pg_settings; RETURN NEW; END $$; \
        CREATE TRIGGER note BEFORE INSERT ON message FOR EACH ROW EXECUTE FUNCTION note()";
    execute(&mut connection, watch).await;
    let config = Config {
        browser_key: None,
        ..env.config.clone()
    };
    let postern = Postern::open(config).await.expect("opens");
    let env = TestEnv { postern, ..env };
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    for (name, expected) in [
        ("synchronous_commit", "on"),
        ("idle_in_transaction_session_timeout", "20000"),
        ("tcp_keepalives_idle", "20"),
        ("tcp_keepalives_interval", "5"),
        ("tcp_keepalives_count", "4"),
        ("tcp_user_timeout", "40000"),
    ] {
        let query = sqlx::query_as("SELECT value FROM noted WHERE name = $1").bind(name);
        let (value,): (String,) = query.fetch_one(&mut connection).await.expect("noted");
        assert_eq!(value, expected, "{name}");
    }
}

async fn an_unreachable_database_has_stored_nothing(env: TestEnv) {
    let (env, wire) = env.over_a_wire().await;
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    wire.cut();
    let asked = env.keyed(&admin, "k", 1, "Later").await;
    let refusal = asked.expect_err("not accepted");
    assert_eq!(refusal.kind, Kind::Unavailable);
    let fault = &refusal.fields["request"];
    assert!(fault.contains("nothing was changed"), "{fault}");
}

async fn mail_sent_during_an_outage_is_not_sent_by_another_node(env: TestEnv) {
    let (env, wire) = env.over_a_wire().await;
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.stall();
    let lease = Duration::from_millis(300);
    let one = TestWorker::with_lease(&env, 1, lease);
    let first = env.submit_mail(&admin, &["desk@example.net"], "First");
    let first = first.await;
    relay.wait_for("END", 1).await;
    let (env, other_wire) = env.over_a_wire().await;
    let other = TestWorker::with_lease(&env, 1, lease);

    // The database is unreachable while the relay accepts the first message.
    wire.cut();
    other_wire.cut();
    relay.reset();
    relay.wait_for_mails(1).await;
    other_wire.turns_away(6).await;
    other_wire.mends();
    let over = |message: Option<&MessageView>| {
        message.is_some_and(|message| !message.recipients[0].leased)
    };
    env.until_found(&admin, &first, over).await;
    let second = wait_for("an acceptance", async || {
        env.keyed(&admin, "k", 1, "Second").await
    })
    .await;
    // The other worker delivers and does not take the first message.
    env.until_delivered(&admin, &second).await;
    let message = env.message(&admin, &first).await;
    assert_eq!(message.recipients[0].state, RecipientState::Queued);
    wire.mends();
    let delivered = |message: Option<&MessageView>| {
        message.is_some_and(|message| is(RecipientState::Delivered)(message))
    };
    env.until_found(&admin, &first, delivered).await;
    one.end().await;
    other.end().await;
    assert_eq!(relay.subjects(), ["First", "Second"], "each once");
}

/// The leases of a claim that is on disk, and whose messages cannot be read in time.
async fn a_claim_that_is_cut_off_gives_its_leases_back(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let id = env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    let mut lock = env.connection().await;
    execute(&mut lock, "BEGIN; LOCK TABLE message_body").await;
    let works = TestWorker::begin(&env, 1);
    let mut connection = env.connection().await;
    let begun = Instant::now();
    for leased in [1, 0] {
        wait_for("the lease", async || {
            let sql = "SELECT COUNT(*) FROM recipient WHERE owner IS NOT NULL";
            let number = sqlx::query_scalar(sql).fetch_one(&mut connection).await;
            let number: i64 = number.expect("a number");
            (number == leased).then_some(()).ok_or(number)
        })
        .await;
    }
    let passed = begun.elapsed();
    assert!(passed < Duration::from_secs(50), "after {passed:?}");
    drop(lock);
    env.until_delivered(&admin, [&id]).await;
    works.end().await;
    assert_eq!(relay.subjects(), ["Fire"]);
}

stories! {
    postgres {
        delivery_recovers_from_a_database_outage;
        connections_commit_durably_and_end_when_the_node_is_gone;
        an_unreachable_database_has_stored_nothing;
        mail_sent_during_an_outage_is_not_sent_by_another_node;
        a_claim_that_is_cut_off_gives_its_leases_back;
    }
}
