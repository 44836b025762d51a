//! Rotation of keys beside saves, nodes that were away, and clocks that are set back.

use std::fs;
use std::time::Duration;

use domain::timestamp::DAY;
use engine::Actor;

use crate::environment::{TestEnv, execute};
use crate::keys::rotation::{SETTLED, copy, keys, rotate, save, seal_anew};
use crate::webhooks::organisation_webhooks;

/// Longer than a node counts that does not report its key files.
const AWAY: Duration = Duration::from_secs(61);

async fn a_node_that_was_away_keeps_a_retired_key_that_it_sealed_with(env: TestEnv) {
    let admin = env.admin().await;
    let data = env.data().join("other");
    copy(&env.data().join("keys"), &data.join("keys"));
    let other = env.node("other", &data).await.expect("opens");
    let before = keys(&env.postern).await;
    let old = before.active().expect("a key").id.clone();
    env.pass(AWAY);
    let rotated = rotate(&env.postern).await;
    let new = rotated.active().expect("a key").id.clone();
    assert_ne!(new, old, "no other node counts");
    env.pass(SETTLED);
    seal_anew(&env.postern).await;
    let service = env.postern.sealing_keys();
    let retired = service.retire(&Actor::local(0), &old).await;
    retired.expect("nothing refers to it");

    // The other one has no key but the retired one, and seals with it.
    let file = |kid: &str| data.join("keys").join(format!("{kid}.key"));
    let maintained = other.sealing_keys().maintain().await;
    maintained.expect("maintains");
    assert!(file(&old).exists(), "it seals still");
    let webhook = organisation_webhooks(&other)
        .create(&admin, "https://hooks.example.org/postern")
        .await;
    webhook.expect("a webhook");
    let own = env.data().join("keys").join(format!("{new}.key"));
    fs::copy(own, file(&new)).expect("copied");
    seal_anew(&other).await;
    assert!(!file(&old).exists(), "nothing refers to it any more");
    let webhooks = organisation_webhooks(&env.postern).list(&admin).await;
    assert!(!webhooks.expect("a list")[0].is_secret_lost);
    assert_eq!(keys(&env.postern).await.sealing.len(), 1);
}

async fn a_clock_that_is_set_back_does_not_hold_a_rotation_up(env: TestEnv) {
    save(&env.postern, env.sealed("first").await).await;
    let late = env.node("", env.data()).await.expect("opens");
    let old = keys(&env.postern).await.active().expect("a key").id.clone();
    rotate(&env.postern).await;
    seal_anew(&env.postern).await;
    // A process that does not know of the new key yet.
    save(&late, env.sealed("second").await).await;
    assert!(keys(&env.postern).await.to_seal_anew() > 0);
    env.put_back(DAY);
    env.pass(Duration::from_mins(1));
    seal_anew(&env.postern).await;

    let service = env.postern.sealing_keys();
    let retire = async || service.retire(&Actor::local(0), &old).await;
    let refused = retire().await.expect_err("a process may not know");
    assert!(refused.text().contains("15 seconds"), "{refused}");
    env.pass(SETTLED);
    let left = retire().await.expect("nothing refers to it");
    assert_eq!(left.sealing.len(), 1);
}

async fn a_node_that_ended_before_the_clock_was_set_back_is_not_waited_for(env: TestEnv) {
    let data = env.data().join("other");
    copy(&env.data().join("keys"), &data.join("keys"));
    let other = env.node("other", &data).await.expect("opens");
    other.close().await;
    env.put_back(DAY);
    let maintained = env.postern.sealing_keys().maintain().await;
    maintained.expect("maintains");
    env.pass(AWAY);
    let rotated = rotate(&env.postern).await;
    assert_eq!(rotated.without_file, Vec::<String>::new());
    let active = rotated.active().map(|key| &key.id);
    assert_eq!(active, Some(&rotated.sealing[0].id));
}

/// The transaction of a save that takes long changes two rows, the later one first.
async fn sealing_anew_waits_for_a_save_under_way(env: TestEnv) {
    for password in ["one", "two"] {
        save(&env.postern, env.sealed(password).await).await;
    }
    rotate(&env.postern).await;
    let mut saving = env.connection().await;
    execute(
        &mut saving,
        "BEGIN; UPDATE routing SET version = version + 1; \
         UPDATE revision SET number = number WHERE scope = 'global' AND number = 2",
    )
    .await;
    let postern = env.postern.clone();
    let sealing = tokio::spawn(async move { seal_anew(&postern).await });
    env.until_locked().await;
    execute(
        &mut saving,
        "UPDATE revision SET number = number WHERE scope = 'global' AND number = 1; COMMIT",
    )
    .await;
    sealing.await.expect("everything is sealed anew");
}

async fn a_key_for_browsers_is_published_though_the_clock_is_set_back(env: TestEnv) {
    let published = async || {
        let key = env.postern.keys().browser_key().await;
        key.expect("a key").kid
    };
    let before = published().await;
    env.put_back(DAY / 2);
    let service = env.postern.sealing_keys();
    let rotated = service.rotate_browser_key(&Actor::local(0)).await;
    let pairs = rotated.expect("rotates").browser;
    assert_ne!(pairs[0].id, before);
    assert_eq!(published().await, pairs[0].id);
    save(&env.postern, env.sealed("hunter2").await).await;
}

stories! {
    both {
        a_key_for_browsers_is_published_though_the_clock_is_set_back;
        a_clock_that_is_set_back_does_not_hold_a_rotation_up;
    }
    postgres {
        a_node_that_ended_before_the_clock_was_set_back_is_not_waited_for;
        sealing_anew_waits_for_a_save_under_way;
        a_node_that_was_away_keeps_a_retired_key_that_it_sealed_with;
    }
}
