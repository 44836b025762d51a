//! Lost keys: what they sealed is entered again, and everything else works; data without its keys.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use domain::crypto::keys::SealingKeyState;
use domain::outbox::RecipientState;
use domain::settings::PasswordState;
use domain::{Kind, SecretString};
use engine::{Actor, Postern};
use testkit::{Relay, RelayScript};

use crate::environment::TestEnv;
use crate::keys::rotation::{SETTLED, copy, in_state, keys, password, rotate, save, seal_anew};
use crate::outbox::{TestWorker, is};
use crate::second_factor::second_step;
use crate::wait::wait_for;
use crate::webhooks::organisation_webhooks;

async fn a_lost_key_loses_what_it_sealed_and_mail_is_delivered(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    let ann = env.with_secrets().await;
    env.save(&admin, &relay).await;
    for key in env.key_files() {
        fs::remove_file(key).expect("removed");
    }
    let postern = env.node("", env.data()).await.expect("opens");
    let env = TestEnv { postern, ..env };
    let view = keys(&env.postern).await;
    assert_eq!(in_state(&view, SealingKeyState::Lost).len(), 1);
    // The relay does not sign in; the others are the authenticator app, the webhook and the DKIM key.
    assert_eq!(view.to_enter_again(), 3);
    let works = TestWorker::begin(&env, 1);
    let id = env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    env.until(&admin, &id, is(RecipientState::Delivered)).await;
    works.end().await;

    let login = crate::second_factor::password(&env.postern).await;
    let pending = env.postern.accounts().begin_second_step(&login).await;
    let pending = pending.expect("begins").expect("a second factor");
    let code = SecretString::new("123456");
    let refused = second_step(&env, &pending, code).await.expect_err("lost");
    assert!(refused.text().contains("recovery code"), "{refused}");
    let factor = env.postern.accounts().second_factor(&ann.actor).await;
    assert!(factor.expect("asks").is_app_lost);
    let webhooks = organisation_webhooks(&env.postern);
    let webhook = webhooks.list(&admin).await.expect("a list").remove(0);
    assert!(webhook.is_secret_lost);
    let renewed = webhooks.renew_secret(&admin, &webhook.id).await;
    renewed.expect("a new secret");
    let webhook = webhooks.list(&admin).await.expect("a list").remove(0);
    assert!(!webhook.is_secret_lost);
    assert_eq!(keys(&env.postern).await.to_enter_again(), 2);
    let lost = in_state(&view, SealingKeyState::Lost).remove(0);
    env.pass(SETTLED);
    let (service, operator) = (env.postern.sealing_keys(), Actor::local(0));
    let refused = service.retire(&operator, &lost).await;
    let refused = refused.expect_err("values refer to it");
    assert!(refused.text().contains("1 DKIM key"), "{refused}");
}

async fn another_relay_delivers_while_a_password_is_lost(env: TestEnv) {
    let admin = env.admin().await;
    let [signs_in, other] = [(); 2].map(|()| Relay::start(RelayScript::pipelining()));
    env.save_signing_in(&admin, &signs_in, "hunter2").await;
    env.add_relay(&admin, &other, None).await;
    let file = env.key_files().remove(0);
    let whole = fs::read(&file).expect("readable");
    fs::remove_file(&file).expect("removed");
    let postern = env.node("", env.data()).await.expect("opens");
    let env = TestEnv { postern, ..env };
    let works = TestWorker::begin(&env, 1);
    let delivered = async || {
        let id = env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
        env.until(&admin, &id, is(RecipientState::Delivered)).await;
    };
    delivered().await;
    assert_eq!((signs_in.accepted().len(), other.accepted().len()), (0, 1));

    fs::write(&file, whole).expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("chmod");
    let maintained = env.postern.sealing_keys().maintain().await;
    maintained.expect("maintains");
    wait_for("mail through the relay that signs in", async || {
        delivered().await;
        match signs_in.accepted().len() {
            0 => Err(other.accepted().len()),
            _ => Ok(()),
        }
    })
    .await;
    works.end().await;
}

async fn a_key_whose_file_is_gone_is_noticed_before_the_process_ends(env: TestEnv) {
    save(&env.postern, env.sealed("hunter2").await).await;
    let (service, file) = (env.postern.sealing_keys(), env.key_files().remove(0));
    let whole = fs::read(&file).expect("readable");
    let in_memory = async || keys(&env.postern).await.in_memory_only().count();
    let first_step = async || {
        let home = env.postern.home().view(&Actor::local(0)).await;
        home.expect("a view").facts.keys_without_file
    };
    assert_eq!((in_memory().await, first_step().await), (0, 0));
    // It is gone, holds another key, or others can read it: Postern does not start with it.
    fs::remove_file(&file).expect("removed");
    assert_eq!((in_memory().await, first_step().await), (1, 1));
    let figures = async |postern: &Postern| {
        let figures = postern.sealing_keys().figures(None, true).await;
        figures.expect("figures")
    };
    let missing = figures(&env.postern).await;
    assert_eq!((missing.without_file, missing.lost_values), (1, 0));
    env.pass(Duration::from_secs(5));
    let age = missing.age.expect("a key seals");
    let older = figures(&env.postern).await.age.expect("a key seals");
    assert!(older >= age + Duration::from_secs(5), "{age:?} {older:?}");
    let restarted = env.node("", env.data()).await;
    let lost = figures(&restarted.expect("opens")).await;
    assert_eq!((lost.without_file, lost.lost_values), (1, 1));
    let refused = service.figures(None, false).await.expect_err("nobody");
    assert_eq!(refused.kind, Kind::Unauthenticated);
    fs::write(&file, "nonsense").expect("written");
    assert_eq!(in_memory().await, 1);
    fs::write(&file, &whole).expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("chmod");
    assert_eq!(in_memory().await, 1);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("chmod");
    assert_eq!(in_memory().await, 0);

    // A new key takes over what is in memory only.
    fs::remove_file(&file).expect("removed");
    service.maintain().await.expect("maintains");
    assert_eq!(password(&env.postern).await, PasswordState::Saved);
    rotate(&env.postern).await;
    seal_anew(&env.postern).await;
    env.postern.close().await;
    let again = env.node("", env.data()).await.expect("opens");
    assert_eq!(password(&again).await, PasswordState::Saved);
    assert_eq!(keys(&again).await.to_enter_again(), 0);
}

async fn data_with_its_keys_opens_elsewhere_and_data_alone_does_not(env: TestEnv) {
    save(&env.postern, env.sealed("hunter2").await).await;
    let [with, without] = ["with", "without"].map(|name| env.data().join(name));
    env.postern.close().await;
    for data in [&with, &without] {
        copy(env.data(), data);
    }
    copy(&env.data().join("keys"), &with.join("keys"));
    let postern = env.node("other", &with).await.expect("opens");
    assert_eq!(password(&postern).await, PasswordState::Saved);
    if env.config.database.is_some() {
        let refused = env.node("third", &without).await.err();
        let refused = refused.expect("the other nodes have a key that it lacks");
        assert!(refused.contains("copy it there"), "{refused}");
    }
    postern.close().await;
    // The other nodes are gone.
    env.pass(Duration::from_secs(61));
    let postern = env.node("third", &without).await.expect("opens");
    assert_eq!(password(&postern).await, PasswordState::ReEnter);
}

stories! {
    both {
        a_lost_key_loses_what_it_sealed_and_mail_is_delivered;
        another_relay_delivers_while_a_password_is_lost;
        a_key_whose_file_is_gone_is_noticed_before_the_process_ends;
        data_with_its_keys_opens_elsewhere_and_data_alone_does_not;
    }
}
