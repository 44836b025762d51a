//! Readiness, as probes read it, and inspection, as `postern doctor` does it.

use std::time::Duration;

use engine::{DeliveryPulse, ReadinessReport, SchemaVersion, inspect_data};

use crate::environment::TestEnv;
use crate::outbox::TestWorker;
use crate::wait::wait_for;
use testkit::{Relay, RelayScript};

/// Longer than a report is repeated.
const REPEATED: Duration = Duration::from_secs(2);

impl TestEnv {
    async fn until_readiness(
        &self,
        expected: impl Fn(&ReadinessReport) -> bool,
    ) -> ReadinessReport {
        wait_for("a readiness as expected", async || {
            let report = self.postern.readiness().report().await;
            match expected(&report) {
                true => Ok(report),
                false => Err(report),
            }
        })
        .await
    }
}

async fn mail_that_waits_has_its_age_and_does_not_end_readiness(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let report = env.postern.readiness().report().await;
    assert!(report.is_ready(), "{report:?}");
    assert_eq!((report.delivery, report.oldest), (DeliveryPulse::Off, None));

    env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    env.pass(Duration::from_secs(7200));
    let report = env.postern.readiness().report().await;
    assert!(report.is_ready(), "{report:?}");
    assert!(report.oldest >= Some(Duration::from_secs(7200)));

    let worker = TestWorker::begin(&env, 4);
    let running = |report: &ReadinessReport| report.delivery == DeliveryPulse::Running;
    let report = env.until_readiness(running).await;
    assert!(report.is_ready(), "{report:?}");
    env.until_readiness(|report| report.oldest.is_none()).await;
    worker.end().await;
    env.pass(REPEATED);
    let report = env.postern.readiness().report().await;
    assert_eq!(report.delivery, DeliveryPulse::Off);
}

async fn a_process_without_the_key_that_seals_is_not_ready(env: TestEnv) {
    assert!(env.postern.readiness().report().await.is_ready());
    env.tamper(
        "INSERT INTO sealing_key (kid, created_at, activated_at) \
         VALUES ('01ZZ', 9999999999999, 9999999999999)",
    )
    .await;
    env.pass(REPEATED);
    let report = env.postern.readiness().report().await;
    assert_eq!((report.database, report.keys), (true, Some(false)));
    assert!(!report.is_ready());
}

async fn a_silent_database_ends_readiness_until_it_answers(env: TestEnv) {
    let (env, wire) = env.over_a_wire().await;
    assert!(env.postern.readiness().report().await.is_ready());
    wire.goes_silent();
    env.pass(REPEATED);
    let report = env.postern.readiness().report().await;
    assert_eq!((report.database, report.keys), (false, None));
    assert!(!report.is_ready());
    wire.mends();
    env.until_readiness(ReadinessReport::is_ready).await;
}

async fn an_inspection_finds_what_is_there(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    let database = env.config.database.as_deref();
    for number in [0, 1] {
        let inspection = inspect_data(env.data(), database, false).await;
        assert_eq!(inspection.keys, Ok(1));
        let found = inspection.database.expect("readable").expect("a database");
        assert_eq!(found.schema, SchemaVersion::Current);
        assert_eq!(found.damage.is_some(), database.is_none());
        assert_eq!(found.clock_difference.is_some(), database.is_some());
        let relays = found.relays.expect("tables of this version");
        assert_eq!(relays.number, number);
        let host = relays.host.map(|host| host.to_string());
        assert_eq!(host.as_deref(), (number == 1).then_some("127.0.0.1"));
        env.save(&admin, &relay).await;
    }
}

stories! {
    both {
        an_inspection_finds_what_is_there;
        mail_that_waits_has_its_age_and_does_not_end_readiness;
        a_process_without_the_key_that_seals_is_not_ready;
    }
    postgres {
        a_silent_database_ends_readiness_until_it_answers;
    }
}
