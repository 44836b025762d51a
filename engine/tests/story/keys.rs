//! Sealed values: what opens, what does not, and what happens when a key is gone.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use domain::view::{PasswordChange, PasswordState};
use engine::Postern;

use crate::place::{Place, execute, form, on_postgres, places};

async fn save(place: &Place, change: PasswordChange) -> Result<PasswordState, String> {
    let admin = place.admin().await;
    let view = place
        .postern
        .settings()
        .save(&admin, form(), change, None)
        .await;
    view.map(|view| view.password)
        .map_err(|refusal| refusal.fields["smtp_password"].clone())
}

#[tokio::test]
async fn a_captured_token_dies_with_its_key() {
    for place in places().await {
        let captured = place.sealed("hunter2").await;
        place.pass(Duration::from_hours(24));
        let fresh = place.sealed("hunter2").await;
        assert_eq!(
            save(&place, captured.clone()).await,
            Ok(PasswordState::Saved),
            "for another hour"
        );
        place.pass(Duration::from_hours(1));
        assert!(
            save(&place, captured)
                .await
                .expect_err("a day old")
                .contains("no longer valid")
        );
        assert_eq!(save(&place, fresh).await, Ok(PasswordState::Saved));
    }
}

#[tokio::test]
async fn a_value_moved_to_another_row_does_not_open() {
    for place in places().await {
        for password in ["one", "two"] {
            let sealed = place.sealed(password).await;
            assert_eq!(save(&place, sealed).await, Ok(PasswordState::Saved));
        }
        place
            .tamper(
                "UPDATE information SET value = (SELECT password FROM revision WHERE number = 1) \
                 WHERE label = 'smtp_password'",
            )
            .await;
        let admin = place.admin().await;
        let view = place
            .postern
            .settings()
            .view(&admin)
            .await
            .expect("readable");
        assert_eq!(view.password, PasswordState::ReEnter);
        let test = place
            .postern
            .diagnosis()
            .test(&admin, None, PasswordChange::Keep, "a@example.net".into())
            .await;
        assert!(
            test.err().expect("does not open").fields["smtp_password"].contains("Enter it again")
        );
    }
}

#[tokio::test]
async fn what_is_stored_never_holds_the_password_in_the_clear() {
    let place = places().await.remove(0);
    let sealed = place.sealed("a very unusual password").await;
    assert_eq!(save(&place, sealed).await, Ok(PasswordState::Saved));
    place.postern.close().await;
    for name in ["postern.db", "postern.db-wal"] {
        let bytes = fs::read(place.data().join(name)).unwrap_or_default();
        assert!(
            !bytes.windows(12).any(|window| window == b"very unusual"),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_key_that_others_can_read_is_refused() {
    let place = places().await.remove(0);
    let key = place.key_files().remove(0);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).expect("chmod");
    let error = Postern::open(place.config.clone())
        .await
        .err()
        .expect("refused")
        .to_string();
    assert!(error.contains("can be read by others"), "{error}");
}

#[tokio::test]
async fn a_lost_key_stops_the_start_unless_accepted() {
    for place in places().await {
        let sealed = place.sealed("hunter2").await;
        assert_eq!(save(&place, sealed).await, Ok(PasswordState::Saved));
        for key in place.key_files() {
            fs::remove_file(key).expect("removed");
        }
        let error = Postern::open(place.config.clone())
            .await
            .err()
            .expect("refused")
            .to_string();
        assert!(error.contains("--accept-lost-keys"), "{error}");

        let accepting = engine::Config {
            accept_lost_keys: true,
            ..place.config.clone()
        };
        let postern = Postern::open(accepting).await.expect("opens");
        let admin = place.admin().await;
        let view = postern.settings().view(&admin).await.expect("readable");
        assert_eq!(view.password, PasswordState::ReEnter, "never an empty one");
        assert!(
            Postern::open(place.config.clone()).await.is_ok(),
            "and from then on without"
        );
    }
}

/// Nodes with these data folders that start on a new database, all as far as they come without
/// each other before one goes on.
async fn started_at_once(place: &Place, folders: [&str; 3]) -> Vec<Result<Postern, String>> {
    place.tamper("DELETE FROM sealing_key").await;
    let mut lock = place.connection().await;
    execute(&mut lock, "BEGIN; LOCK TABLE sealing_key IN EXCLUSIVE MODE").await;
    let nodes = folders.map(|name| {
        let data = place.data().join(name);
        fs::create_dir_all(&data).expect("a folder");
        let config = engine::Config {
            data,
            ..place.config.clone()
        };
        tokio::spawn(Postern::open(config))
    });
    place.until_waiting(3).await;
    drop(lock);
    let mut opened = Vec::new();
    for node in nodes {
        let node = node.await.expect("ends");
        opened.push(node.map_err(|error| error.to_string()));
    }
    opened
}

#[tokio::test]
async fn of_nodes_that_start_at_once_on_a_new_database_one_makes_the_key() {
    for place in on_postgres().await {
        let nodes = started_at_once(&place, ["a", "b", "c"]).await;
        let lost = nodes.iter().filter_map(|node| node.as_ref().err());
        for error in lost.clone() {
            assert!(error.contains("copy it there"), "{error}");
        }
        assert_eq!(lost.count(), 2);
    }
}

#[tokio::test]
async fn nodes_that_share_their_keys_start_at_once_on_a_new_database() {
    for place in on_postgres().await {
        for node in started_at_once(&place, ["shared"; 3]).await {
            assert_eq!(node.err(), None);
        }
        let keys = fs::read_dir(place.data().join("shared/keys")).expect("the keys");
        assert_eq!(keys.count(), 1);
    }
}
