//! Home: whether mail can leave and since when, why not, and what to do first.

mod interfaces;
mod recent_failures;
mod relay_activity;
mod since;

use domain::account::Role;
use domain::health::HealthState;
use domain::home::{HomeFacts, MailStatus, NextStep, next_step};
use domain::outbox::RecipientState;
use domain::settings::PasswordChange;
use domain::{Label, Timestamp};
use engine::{Actor, HomeView, NewToken};
use testkit::{Relay, RelayScript};

use crate::environment::TestEnv;
use crate::outbox::{TestWorker, is, through};
use crate::wait::wait_for;

impl TestEnv {
    async fn home_view(&self, actor: &Actor) -> HomeView {
        self.postern.home().view(actor).await.expect("a view")
    }

    pub async fn mail_status(&self, actor: &Actor) -> MailStatus {
        self.postern.home().status(actor).await.expect("a status")
    }

    /// Waits until Home has these facts.
    pub async fn until_home(
        &self,
        actor: &Actor,
        expected: impl Fn(&HomeFacts) -> bool,
    ) -> HomeFacts {
        wait_for("facts as expected", async || {
            let facts = self.home_view(actor).await.facts;
            if expected(&facts) {
                Ok(facts)
            } else {
                Err(facts)
            }
        })
        .await
    }
}

pub fn is_stopped(facts: &HomeFacts) -> bool {
    matches!(MailStatus::of(facts), MailStatus::Stopped { .. })
}

async fn home_says_what_stops_mail_and_what_to_do(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    let user = env.sign_in("user@example.org", Role::User).await;
    assert_eq!(env.mail_status(&admin).await, MailStatus::NotConfigured);
    let step = next_step(&env.home_view(&admin).await.facts);
    assert_eq!(step, Some(NextStep::SaveSettings));
    let step = next_step(&env.home_view(&user).await.facts);
    assert_eq!(step, Some(NextStep::AskAdministrator));

    env.save(&admin, &relay).await;
    assert_eq!(env.mail_status(&admin).await, MailStatus::NoWorker);
    let works = TestWorker::begin(&env, 4);
    env.until_home(&admin, |facts| facts.delivers).await;
    assert!(env.mail_status(&admin).await.can_leave());
    assert!(env.mail_status(&user).await.can_leave());
    let step = next_step(&env.home_view(&admin).await.facts);
    assert!(
        matches!(&step, Some(NextStep::TestSettings(relay)) if relay.id == "global"),
        "{step:?}"
    );
    let id = env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    env.until(&admin, &id, is(RecipientState::Delivered)).await;
    assert_eq!(next_step(&env.home_view(&admin).await.facts), None);

    let outbox = env.postern.outbox();
    outbox.pause_delivery(&admin, true).await.expect("paused");
    let status = env.mail_status(&user).await;
    assert!(
        status.since().is_some() && !status.can_leave(),
        "{status:?}"
    );
    let step = next_step(&env.home_view(&admin).await.facts);
    assert_eq!(step, Some(NextStep::ResumeDelivery));
    outbox.pause_delivery(&admin, false).await.expect("resumed");
    works.end().await;
}

async fn home_names_a_relay_that_is_down_with_its_cause(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("MAIL", "535 5.7.8 who are you");
    let before = env.clock.now();
    let works = TestWorker::begin(&env, 1);
    env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    let facts = env.until_home(&admin, is_stopped).await;
    assert!(MailStatus::of(&facts).since() >= Some(before), "{facts:?}");
    let Some(NextStep::RepairRelay { relay, own, cause }) = next_step(&facts) else {
        panic!("{facts:?}");
    };
    assert_eq!((relay.id.as_str(), own), ("global", false));
    assert!(cause.is_some(), "{facts:?}");
    // Checks send no MAIL, and find nothing.
    assert!(env.check().await > 0);
    let user = env.sign_in("user@example.org", Role::User).await;
    let facts = env.until_home(&user, is_stopped).await;
    assert!(MailStatus::of(&facts).since() >= Some(before), "{facts:?}");
    assert_eq!(next_step(&facts), Some(NextStep::AskAdministrator));
    assert_eq!(facts.relays[0].cause, None, "for administrators");
    works.end().await;
}

async fn home_tells_relays_at_the_same_address_apart(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save_signing_in(&admin, &relay, "hunter2").await;
    // The user name of the first relay in Base64.
    relay.reply_to("AUTH PLAIN AGFsZXJ0", "535 5.7.8 authentication failed");
    let id = env.add(&admin, "Backup").await.id;
    let form = through(&relay)
        .with(Label::Username, "backup")
        .with(Label::AuthenticationType, "Plain")
        .with(Label::PlaintextAuth, "1");
    let password = env.sealed("hunter2").await;
    let saved = env.save_at(&admin, &id, form, password).await;
    saved.expect("saved");
    let works = TestWorker::begin(&env, 1);
    let id = env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    env.until(&admin, &id, is(RecipientState::Delivered)).await;
    // Each mail tries the first one again when its backoff is over.
    let status = wait_for("a first relay that is down", async || {
        env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
        let facts = env.home_view(&admin).await.facts;
        match facts.relays[0].state {
            HealthState::Down => Ok(MailStatus::of(&facts)),
            _ => Err(facts),
        }
    })
    .await;
    assert!(
        matches!(&status, MailStatus::Partial { down, .. } if *down == ["Main relay"]),
        "mail leaves through the other: {status:?}"
    );
    let user = env.sign_in("user@example.org", Role::User).await;
    for (actor, name) in [(&admin, Some("Main relay")), (&user, None)] {
        let overview = env.postern.outbox().overview(actor).await;
        let workers = overview.expect("an overview").workers;
        let backoffs = workers.iter().flat_map(|worker| &worker.backoffs);
        let names: Vec<Option<&str>> = backoffs.map(|backoff| backoff.name.as_deref()).collect();
        assert_eq!(names, [name]);
    }
    works.end().await;
}

async fn a_token_that_expires_soon_is_to_be_renewed_by_its_account(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let user = env.sign_in("user@example.org", Role::User).await;
    for (name, days) in [("later", 60), ("sooner", 13), ("soon", 14)] {
        let token = NewToken {
            expires_days: Some(days),
            ..NewToken::new("user@example.org", name)
        };
        let accounts = env.postern.accounts();
        let created = accounts.create_token(&Actor::local(0), token).await;
        created.expect("a token");
    }
    let expiring = env.home_view(&user).await.facts.expiring;
    assert_eq!(expiring.map(|token| token.name).as_deref(), Some("sooner"));
    assert_eq!(
        env.home_view(&admin).await.facts.expiring,
        None,
        "not theirs"
    );
}

async fn a_trusted_ca_certificate_that_ends_soon_is_to_be_renewed(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    let authority = testkit::pki::PrivateAuthority::new();
    let form = through(&relay)
        .with(Label::CertificateCheck, "Trusted")
        .with(Label::TrustedCertificates, &authority.pem());
    let settings = env.postern.settings();
    let saved = settings
        .save(&admin, form, PasswordChange::Keep, None)
        .await;
    saved.expect("saves");
    assert_eq!(env.home_view(&admin).await.facts.authority, None);
    let user = env.sign_in("user@example.org", Role::User).await;
    // It ends with the year 2998.
    let late = Timestamp::parse("2998-12-20").expect("a time");
    env.pass(late.saturating_since(env.clock.now()));
    let end = env.home_view(&admin).await.facts.authority.expect("an end");
    assert_eq!(end.relay.id, "global");
    assert_eq!(end.at.rfc3339(), "2999-01-01T00:00:00Z");
    assert_eq!(
        env.home_view(&user).await.facts.authority,
        None,
        "not theirs"
    );
}

stories! {
    both {
        home_says_what_stops_mail_and_what_to_do;
        home_names_a_relay_that_is_down_with_its_cause;
        home_tells_relays_at_the_same_address_apart;
        a_token_that_expires_soon_is_to_be_renewed_by_its_account;
        a_trusted_ca_certificate_that_ends_soon_is_to_be_renewed;
    }
}
