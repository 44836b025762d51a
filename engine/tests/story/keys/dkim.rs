//! DKIM keys: they sign the mail of their domain, take turns, and are only for administrators.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use domain::Kind;
use domain::account::Role;
use domain::mail::dkim::{DkimAlgorithm, DkimKeyState, DkimKeyView};
use domain::mail::domain_check::{CheckKind, CheckState};
use domain::outbox::RecipientState;
use domain::settings::PasswordChange;
use engine::{Actor, DkimActivation, Postern, Submissions};
use futures::StreamExt as _;
use testkit::{Relay, RelayScript};

use crate::environment::TestEnv;
use crate::outbox::{TestWorker, is, mail};
use crate::wait::wait_for;

impl TestEnv {
    async fn active_key(&self, domain: &str, algorithm: DkimAlgorithm) -> DkimKeyView {
        let (domains, operator) = (self.postern.domains(), Actor::local(0));
        let made = domains.create_key(&operator, domain, algorithm).await;
        let made = made.expect("a key");
        assert_eq!(made.state, DkimKeyState::Pending);
        let activated = domains.activate_key(&operator, domain, &made.id, DkimActivation::Anyway);
        activated.await.expect("active")
    }

    /// The source of a mail that is accepted now from an address.
    async fn source(&self, from: &str) -> String {
        source(&self.postern, from).await
    }
}

async fn source(postern: &Postern, from: &str) -> String {
    let mut submission = mail(&["desk@example.net"], "Signed");
    submission.from = Some(from.to_owned());
    let (outbox, operator) = (postern.outbox(), Actor::local(0));
    let submissions = Submissions::One(Box::new(submission));
    let accepted = outbox.accept(&operator, submissions, None).await;
    let id = accepted.expect("accepted").ids.remove(0);
    let bytes = outbox.message_bytes(&operator, &id).await;
    String::from_utf8(bytes.expect("the source")).expect("text")
}

fn signatures(source: &str) -> Vec<&str> {
    let parts = source.split("DKIM-Signature: ").skip(1);
    parts.collect()
}

async fn a_key_signs_the_mail_of_its_domain(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let before = env.source("alerts@example.org").await;
    assert!(signatures(&before).is_empty(), "{before}");
    let key = env.active_key("example.org", DkimAlgorithm::Ed25519).await;
    let source = env.source("Alerts <alerts@Example.org>").await;
    assert!(
        source.starts_with("DKIM-Signature: v=1; a=ed25519-sha256;"),
        "{source}"
    );
    for part in [
        "d=example.org;",
        &format!("s={};", key.selector),
        "h=From:From:",
    ] {
        assert!(source.contains(part), "{part}: {source}");
    }
    let other = env.source("alerts@news.example.org").await;
    assert!(signatures(&other).is_empty(), "{other}");

    // Both algorithms sign, RSA first.
    env.active_key("example.org", DkimAlgorithm::Rsa).await;
    let source = env.source("alerts@example.org").await;
    let found = signatures(&source);
    assert_eq!(found.len(), 2, "{source}");
    assert!(found[0].contains("a=rsa-sha256") && found[1].contains("a=ed25519-sha256"));

    // Another process has the same keys.
    let again = Postern::open(env.config.clone()).await.expect("opens");
    let source = self::source(&again, "alerts@example.org").await;
    assert_eq!(signatures(&source).len(), 2, "{source}");

    let removed = env
        .postern
        .domains()
        .remove_key(&admin, "example.org", &key.id)
        .await;
    removed.expect("removed");
    let source = env.source("alerts@example.org").await;
    assert_eq!(signatures(&source).len(), 1, "{source}");
}

async fn every_attempt_sends_the_signed_bytes(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    env.active_key("example.org", DkimAlgorithm::Ed25519).await;
    let works = TestWorker::begin(&env, 1);
    let id = env
        .submit_mail(&admin, &["desk@example.net"], "Signed")
        .await;
    env.until(&admin, &id, is(RecipientState::Delivered)).await;
    let stored = env.postern.outbox().message_bytes(&admin, &id).await;
    let stored = String::from_utf8(stored.expect("the source")).expect("text");
    assert_eq!(signatures(&stored).len(), 1);
    let sent = &relay.accepted()[0].data;
    assert!(sent.contains(stored.trim_end()), "{sent}");
    works.end().await;
}

async fn a_test_mail_is_signed_as_other_mail_is(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    env.active_key("example.org", DkimAlgorithm::Ed25519).await;
    let (diagnosis, to) = (env.postern.diagnosis(), "desk@example.net".to_owned());
    let tested = diagnosis.test(&admin, None, PasswordChange::Keep, to).await;
    let events = tested.expect("it runs").collect::<Vec<_>>().await;
    assert!(!events.is_empty());
    let sent = relay.wait_for_mails(1).await.remove(0);
    assert_eq!(signatures(&sent.data).len(), 1, "{}", sent.data);
}

async fn a_key_takes_the_place_of_another_one(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let domains = env.postern.domains();
    let first = env.active_key("example.org", DkimAlgorithm::Ed25519).await;
    let second = env.active_key("example.org", DkimAlgorithm::Ed25519).await;
    assert_ne!(first.selector, second.selector);
    let states = async || {
        let keys = domains.keys(&admin, "example.org").await.expect("keys");
        keys.iter().map(|key| key.state).collect::<Vec<_>>()
    };
    assert_eq!(
        states().await,
        [DkimKeyState::Retiring, DkimKeyState::Active]
    );
    let source = env.source("alerts@example.org").await;
    assert!(
        source.contains(&format!("s={};", second.selector)),
        "{source}"
    );
    let keys = domains.keys(&admin, "example.org").await.expect("keys");
    let removal = keys[0].removal_at.expect("a time");
    let week = removal.saturating_since(keys[1].activated_at.expect("a time"));
    assert_eq!(week, Duration::from_hours(7 * 24));

    // The first one may come back meanwhile.
    let back = domains.activate_key(&admin, "example.org", &first.id, DkimActivation::Anyway);
    back.await.expect("active");
    assert_eq!(
        states().await,
        [DkimKeyState::Active, DkimKeyState::Retiring]
    );
}

async fn a_key_that_cannot_be_unsealed_signs_nothing(env: TestEnv) {
    let admin = env.admin().await;
    env.active_key("mail.invalid", DkimAlgorithm::Ed25519).await;
    env.tamper("UPDATE dkim_key SET private_key = 'x'").await;
    let again = Postern::open(env.config.clone()).await.expect("opens");
    let source = source(&again, "alerts@mail.invalid").await;
    assert!(signatures(&source).is_empty(), "{source}");
    let domains = again.domains();
    let keys = domains.keys(&admin, "mail.invalid").await.expect("keys");
    assert!(!keys[0].is_usable);
    let pending = domains.create_key(&admin, "mail.invalid", DkimAlgorithm::Rsa);
    let pending = pending.await.expect("a key");
    env.tamper("UPDATE dkim_key SET private_key = 'x'").await;
    let activated =
        domains.activate_key(&admin, "mail.invalid", &pending.id, DkimActivation::Anyway);
    assert_eq!(activated.await.expect_err("lost").kind, Kind::Conflict);
    // No resolver is asked for this name (RFC 6761 section 6.4).
    let check = domains
        .check(&admin, "mail.invalid")
        .await
        .expect("a check");
    assert_eq!(check.state_of(CheckKind::Dkim), CheckState::Fault);
}

async fn a_key_signs_again_when_the_file_of_its_key_is_restored(env: TestEnv) {
    env.active_key("mail.invalid", DkimAlgorithm::Ed25519).await;
    let file = env.key_files().remove(0);
    let whole = fs::read(&file).expect("readable");
    fs::remove_file(&file).expect("removed");
    let again = Postern::open(env.config.clone()).await.expect("opens");
    let unsigned = source(&again, "alerts@mail.invalid").await;
    assert!(signatures(&unsigned).is_empty(), "{unsigned}");
    fs::write(&file, whole).expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("chmod");
    let maintained = again.sealing_keys().maintain().await;
    maintained.expect("maintains");
    wait_for("a signature", async || {
        let source = source(&again, "alerts@mail.invalid").await;
        match signatures(&source).len() {
            1 => Ok(()),
            number => Err(number),
        }
    })
    .await;
}

async fn only_administrators_reach_keys(env: TestEnv) {
    let admin = env.admin().await;
    let user = env.sign_in("user@example.org", Role::User).await;
    let domains = env.postern.domains();
    let key = env.active_key("example.org", DkimAlgorithm::Ed25519).await;
    let kinds = [
        domains.list(&user).await.err(),
        domains.check(&user, "example.org").await.err(),
        domains.keys(&user, "example.org").await.err(),
        domains
            .create_key(&user, "example.org", DkimAlgorithm::Ed25519)
            .await
            .err(),
        domains
            .activate_key(&user, "example.org", &key.id, DkimActivation::Anyway)
            .await
            .err(),
        domains
            .remove_key(&user, "example.org", &key.id)
            .await
            .err(),
    ];
    for refusal in kinds {
        assert_eq!(refusal.expect("refused").kind, Kind::Forbidden);
    }
    for (domain, id) in [
        ("example.org", "01JD0000000000000000000000"),
        ("example.com", key.id.as_str()),
        ("example.org", "\0"),
    ] {
        let missing = domains.remove_key(&admin, domain, id).await;
        assert_eq!(missing.expect_err("none").kind, Kind::NotFound);
    }
    let trail = env.postern.audit().trail(&admin, 50).await.expect("rows");
    for action in ["create dkim key", "activate dkim key"] {
        let done = trail
            .iter()
            .any(|row| row.action == action && row.outcome == "done");
        assert!(done, "{action}");
    }
    let refused = trail.iter().find(|row| row.action == "remove dkim key");
    assert!(refused.is_some_and(|row| row.outcome.starts_with("refused")));
}

async fn a_domain_has_at_most_ten_keys(env: TestEnv) {
    let admin = env.admin().await;
    let domains = env.postern.domains();
    for _ in 0..10 {
        let made = domains.create_key(&admin, "example.org", DkimAlgorithm::Ed25519);
        made.await.expect("a key");
    }
    let made = domains.create_key(&admin, "EXAMPLE.org.", DkimAlgorithm::Ed25519);
    assert_eq!(made.await.expect_err("an eleventh").kind, Kind::Conflict);
    let other = domains.create_key(&admin, "example.com", DkimAlgorithm::Ed25519);
    other.await.expect("of another domain");
}

stories! {
    both {
        a_key_signs_the_mail_of_its_domain;
        every_attempt_sends_the_signed_bytes;
        a_test_mail_is_signed_as_other_mail_is;
        a_key_takes_the_place_of_another_one;
        a_key_that_cannot_be_unsealed_signs_nothing;
        a_key_signs_again_when_the_file_of_its_key_is_restored;
        only_administrators_reach_keys;
        a_domain_has_at_most_ten_keys;
    }
}
