//! Sealed values: what opens, what does not, and what happens when a key is gone.

mod dkim;
mod lost_keys;
mod nodes;
mod rotation;
mod sealing;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use domain::crypto::jwe::seal_for;
use domain::crypto::keys::SealingKeyState;
use domain::settings::{PasswordChange, PasswordState};
use engine::{Actor, Postern};
use rand::rngs::OsRng;

use crate::environment::{TestEnv, execute, form};

async fn save(env: &TestEnv, change: PasswordChange) -> Result<PasswordState, String> {
    let admin = env.admin().await;
    let view = env
        .postern
        .settings()
        .save(&admin, form(), change, None)
        .await;
    view.map(|view| view.password)
        .map_err(|refusal| refusal.fields["smtp_password"].clone())
}

async fn a_captured_token_expires_with_its_key(env: TestEnv) {
    let captured = env.sealed("hunter2").await;
    env.pass(Duration::from_hours(24));
    let fresh = env.sealed("hunter2").await;
    assert_eq!(
        save(&env, captured.clone()).await,
        Ok(PasswordState::Saved),
        "for another hour"
    );
    env.pass(Duration::from_hours(1));
    assert!(
        save(&env, captured)
            .await
            .expect_err("a day old")
            .contains("no longer valid")
    );
    assert_eq!(save(&env, fresh).await, Ok(PasswordState::Saved));
}

async fn a_value_moved_to_another_row_does_not_open(env: TestEnv) {
    for password in ["one", "two"] {
        let sealed = env.sealed(password).await;
        assert_eq!(save(&env, sealed).await, Ok(PasswordState::Saved));
    }
    env.tamper(
        "UPDATE information SET value = (SELECT password FROM revision WHERE number = 1) \
             WHERE label = 'smtp_password'",
    )
    .await;
    let admin = env.admin().await;
    let view = env.postern.settings().view(&admin).await.expect("readable");
    assert_eq!(view.password, PasswordState::ReEnter);
    let test = env
        .postern
        .diagnosis()
        .test(&admin, None, PasswordChange::Keep, "a@example.net".into())
        .await;
    assert!(test.err().expect("does not open").fields["smtp_password"].contains("Enter it again"));
}

async fn no_stored_file_contains_the_password(env: TestEnv) {
    let sealed = env.sealed("a very unusual password").await;
    assert_eq!(save(&env, sealed).await, Ok(PasswordState::Saved));
    env.postern.close().await;
    for name in ["postern.db", "postern.db-wal"] {
        let bytes = fs::read(env.data().join(name)).unwrap_or_default();
        assert!(
            !bytes.windows(12).any(|window| window == b"very unusual"),
            "{name}"
        );
    }
}

async fn a_key_that_others_can_read_is_refused(env: TestEnv) {
    let key = env.key_files().remove(0);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).expect("chmod");
    let error = Postern::open(env.config.clone())
        .await
        .err()
        .expect("refused")
        .to_string();
    assert!(error.contains("can be read by others"), "{error}");
}

/// The state of the saved password in a Postern.
async fn password_state(env: &TestEnv, postern: &Postern) -> PasswordState {
    let admin = env.admin().await;
    let view = postern.settings().view(&admin).await;
    view.expect("readable").password
}

async fn a_damaged_key_file_differs_from_a_lost_one(env: TestEnv) {
    let sealed = env.sealed("hunter2").await;
    assert_eq!(save(&env, sealed).await, Ok(PasswordState::Saved));
    let key = env.key_files().remove(0);
    let whole = fs::read_to_string(&key).expect("readable");
    let other = if whole.starts_with('A') { "B" } else { "A" };
    for damaged in [format!("{other}{}", &whole[1..]), "nonsense".to_owned()] {
        fs::write(&key, damaged).expect("written");
        let postern = Postern::open(env.config.clone()).await.expect("opens");
        assert_eq!(password_state(&env, &postern).await, PasswordState::ReEnter);
        let keys = postern.sealing_keys().list(&Actor::local(0)).await;
        let states: Vec<_> = keys
            .expect("keys")
            .sealing
            .iter()
            .map(|key| key.state)
            .collect();
        assert_eq!(states.last(), Some(&SealingKeyState::Damaged), "{states:?}");
    }
}

async fn a_lost_key_is_restored_or_its_values_are_entered_again(env: TestEnv) {
    let sealed = env.sealed("hunter2").await;
    assert_eq!(save(&env, sealed).await, Ok(PasswordState::Saved));
    let key = env.key_files().remove(0);
    let whole = fs::read(&key).expect("readable");
    fs::remove_file(&key).expect("removed");

    let postern = Postern::open(env.config.clone()).await.expect("opens");
    let state = async || password_state(&env, &postern).await;
    assert_eq!(state().await, PasswordState::ReEnter, "never an empty one");
    let home = postern.home().view(&Actor::local(0)).await;
    let facts = home.expect("a view").facts;
    assert_eq!(facts.lost_values, 1, "administrators see it on Home");

    fs::write(&key, &whole).expect("written");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("chmod");
    assert_eq!(state().await, PasswordState::Saved, "without a restart");

    fs::remove_file(&key).expect("removed");
    let postern = Postern::open(env.config.clone()).await.expect("opens");
    let admin = env.admin().await;
    let jwk = postern.keys().browser_key().await.expect("a key");
    let sealed = seal_for(&jwk, b"hunter3", &mut OsRng).expect("seals");
    let saved = postern
        .settings()
        .save(&admin, form(), PasswordChange::Sealed(sealed), None)
        .await;
    assert_eq!(saved.expect("saved").password, PasswordState::Saved);
    let facts = postern.home().view(&admin).await.expect("a view").facts;
    assert_eq!(facts.lost_values, 0);
    let again = Postern::open(env.config.clone()).await.expect("opens");
    assert_eq!(password_state(&env, &again).await, PasswordState::Saved);
}

/// Starts nodes with these data folders on a new database. All wait for the same lock before one
/// continues.
async fn started_at_once(env: &TestEnv, folders: [&str; 3]) -> Vec<Result<Postern, String>> {
    env.tamper("DELETE FROM sealing_key").await;
    let mut lock = env.connection().await;
    execute(&mut lock, "BEGIN; LOCK TABLE sealing_key IN EXCLUSIVE MODE").await;
    let nodes = folders.map(|name| {
        let data = env.data().join(name);
        fs::create_dir_all(&data).expect("a folder");
        let config = engine::Config {
            data,
            ..env.config.clone()
        };
        tokio::spawn(Postern::open(config))
    });
    env.until_waiting(3).await;
    drop(lock);
    let mut opened = Vec::new();
    for node in nodes {
        let node = node.await.expect("ends");
        opened.push(node.map_err(|error| error.to_string()));
    }
    opened
}

async fn of_nodes_that_start_together_one_creates_the_key(env: TestEnv) {
    let nodes = started_at_once(&env, ["a", "b", "c"]).await;
    let lost = nodes.iter().filter_map(|node| node.as_ref().err());
    for error in lost.clone() {
        assert!(error.contains("copy it there"), "{error}");
    }
    assert_eq!(lost.count(), 2);
}

async fn nodes_that_share_their_keys_start_together(env: TestEnv) {
    for node in started_at_once(&env, ["shared"; 3]).await {
        assert_eq!(node.err(), None);
    }
    let keys = fs::read_dir(env.data().join("shared/keys")).expect("the keys");
    assert_eq!(keys.count(), 1);
}

stories! {
    both {
        a_captured_token_expires_with_its_key;
        a_value_moved_to_another_row_does_not_open;
        a_damaged_key_file_differs_from_a_lost_one;
        a_lost_key_is_restored_or_its_values_are_entered_again;
    }
    sqlite {
        no_stored_file_contains_the_password;
        a_key_that_others_can_read_is_refused;
    }
    postgres {
        of_nodes_that_start_together_one_creates_the_key;
        nodes_that_share_their_keys_start_together;
    }
}
