//! Backups: made beside a running Postern, restored elsewhere with delivery paused, keys apart.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use domain::account::Role;
use domain::audit::{AuditOutcome, AuditSearch};
use domain::home::{NextStep, next_step};
use domain::outbox::{Pause, RecipientState};
use domain::settings::PasswordState;
use engine::{
    Actor, BackedUp, BackupError, BackupRequest, Config, KeyCopies, Postern, RestoreRequest,
    Restored,
};
use sqlx::Connection as _;
use tempfile::{TempDir, tempdir};
use testkit::{Relay, RelayScript};

use crate::environment::{TestEnv, connect, form};
use crate::outbox::{TestWorker, is};
use crate::template::migrations;

/// A version whose tables later ones change.
const EARLIER: i64 = 30;

/// What is backed up into this folder: `backup`, and apart from it `keys`.
fn request(env: &TestEnv, folder: &Path) -> BackupRequest {
    BackupRequest {
        data: env.data().to_owned(),
        file: folder.join("backup"),
        keys: Some(folder.join("keys")),
        clock: env.clock.clone(),
        host: "gate".to_owned(),
    }
}

async fn back_up(env: &TestEnv, folder: &Path) -> Result<BackedUp, BackupError> {
    engine::back_up(request(env, folder), &Actor::local(0), Arc::default()).await
}

/// Restores `backup` of a folder, and with it the file of keys where there is one.
async fn restore(
    env: &TestEnv,
    backup: &Path,
    keys: Option<&Path>,
    data: &Path,
) -> Result<Restored, BackupError> {
    let request = RestoreRequest {
        data: data.to_owned(),
        backup: File::open(backup).expect("a backup"),
        name: backup.to_owned(),
        keys: keys.map(|keys| KeyCopies::of_file(keys).expect("keys")),
        accept_lost_keys: false,
        clock: env.clock.clone(),
        host: "gate".to_owned(),
    };
    engine::restore(request, &Actor::local(0)).await
}

fn on(env: &TestEnv, data: &Path) -> Config {
    Config {
        data: data.to_owned(),
        ..env.config.clone()
    }
}

/// A Postern on restored data.
async fn opened(env: &TestEnv, data: TempDir) -> TestEnv {
    let config = on(env, data.path());
    let postern = Postern::open(config.clone()).await.expect("Postern opens");
    TestEnv {
        postern,
        clock: env.clock.clone(),
        config,
        folder: data,
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    entries
        .map(|entry| name(entry.expect("an entry")))
        .collect()
}

async fn save_password(env: &TestEnv, admin: &Actor) {
    let sealed = env.sealed("hunter2").await;
    let saved = env.postern.settings().save(admin, form(), sealed, None);
    saved.await.expect("saved");
}

async fn password(env: &TestEnv) -> PasswordState {
    let view = env.postern.settings().view(&Actor::local(0)).await;
    view.expect("readable").password
}

async fn a_restored_backup_sends_nothing_until_a_person_resumes_delivery(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    let mail = env.postern.account_mail();
    let invited = mail.invite(&admin, "guest@example.org", Role::User).await;
    invited.expect("invited by a link, as there is no relay yet");
    env.save(&admin, &relay).await;
    let to = ["desk@example.net"];
    let queued = env.submit_mail(&admin, &to, "Before").await;
    let folder = tempdir().expect("a folder");
    let made = back_up(&env, folder.path()).await.expect("a backup");
    assert!(made.recorded && made.missing_keys.is_empty(), "{made:?}");
    assert_eq!(made.keys, Some(1));
    for name in ["backup", "keys"] {
        let metadata = fs::metadata(folder.path().join(name)).expect("a file");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
    }
    env.submit_mail(&admin, &to, "After").await;

    let data = tempdir().expect("a folder");
    let files = ["backup", "keys"].map(|name| folder.path().join(name));
    let restored = restore(&env, &files[0], Some(&files[1]), data.path()).await;
    let restored = restored.expect("restored");
    assert_eq!((restored.sessions, restored.migrations), (1, 0));
    assert!(restored.missing_keys.is_empty(), "{restored:?}");

    let other = opened(&env, data).await;
    let links = sqlx::query_scalar("SELECT COUNT(*) FROM account_link");
    let links = links.fetch_one(&mut other.connection().await).await;
    let links: i64 = links.expect("a number");
    assert_eq!(links, 0, "an old invitation is not valid again");
    let (admin, outbox) = (other.admin().await, other.postern.outbox());
    let works = TestWorker::begin(&other, 1);
    let trail = other.postern.audit().trail(&admin, 50).await.expect("rows");
    for action in ["back up", "restore"] {
        assert!(trail.iter().any(|row| row.action == action), "{trail:?}");
    }
    let overview = outbox.overview(&admin).await.expect("there");
    let pause = overview.pause.expect("paused");
    assert!(pause.is_of_restore() && restored.made_at.is_some());
    assert_eq!(pause.by, Pause::by_restore(restored.made_at));
    let home = other.postern.home().view(&admin).await.expect("a view");
    assert_eq!(next_step(&home.facts), Some(NextStep::ResumeAfterRestore));
    other.until_heartbeat().await;
    let message = outbox.message(&admin, &queued).await.expect("is there");
    assert!(is(RecipientState::Queued)(&message), "{message:?}");
    assert!(relay.accepted().is_empty());

    let resumed = outbox.pause_delivery(&admin, false).await;
    resumed.expect("resumed");
    other
        .until(&admin, &queued, is(RecipientState::Delivered))
        .await;
    assert_eq!(relay.accepted().len(), 1, "what came later is not in it");
    works.end().await;
}

async fn a_backup_opens_its_passwords_with_its_keys_only(env: TestEnv) {
    let admin = env.admin().await;
    save_password(&env, &admin).await;
    let folder = tempdir().expect("a folder");
    back_up(&env, folder.path()).await.expect("a backup");
    let files = ["backup", "keys"].map(|name| folder.path().join(name));

    let data = tempdir().expect("a folder");
    let restored = restore(&env, &files[0], None, data.path()).await;
    let missing = restored.expect("restored").missing_keys;
    assert_eq!(missing.len(), 1, "it says what is missing");
    let by_hand = opened(&env, data).await;
    assert_eq!(password(&by_hand).await, PasswordState::ReEnter);
    for key in env.key_files() {
        let name = key.file_name().expect("a name");
        let copy = by_hand.data().join("keys").join(name);
        fs::copy(&key, copy).expect("copied");
    }
    assert_eq!(password(&by_hand).await, PasswordState::Saved);

    let stranger = TestEnv::sqlite().await;
    let elsewhere = tempdir().expect("a folder");
    let others = elsewhere.path().join("keys");
    back_up(&stranger, elsewhere.path())
        .await
        .expect("a backup");
    let data = tempdir().expect("a folder");
    let refused = restore(&env, &files[0], Some(&others), data.path()).await;
    assert!(
        matches!(refused, Err(BackupError::OtherKeys(_))),
        "{refused:?}"
    );
    assert!(names(data.path()).is_empty(), "nothing is left behind");
    let restored = restore(&env, &files[0], Some(&files[1]), data.path()).await;
    assert!(restored.expect("restored").missing_keys.is_empty());
    let with_keys = opened(&env, data).await;
    assert_eq!(password(&with_keys).await, PasswordState::Saved);
}

async fn what_cannot_be_restored_leaves_the_data_folder_as_it_was(env: TestEnv) {
    let folder = tempdir().expect("a folder");
    back_up(&env, folder.path()).await.expect("a backup");
    let backup = folder.path().join("backup");

    let refused = restore(&env, &backup, None, env.data()).await;
    assert!(
        matches!(refused, Err(BackupError::NotEmpty { .. })),
        "{refused:?}"
    );
    let data = tempdir().expect("a folder");
    fs::write(data.path().join("letter.txt"), "").expect("written");
    let refused = restore(&env, &backup, None, data.path()).await;
    assert!(
        matches!(refused, Err(BackupError::NotEmpty { .. })),
        "{refused:?}"
    );
    assert_eq!(names(data.path()), ["letter.txt"]);

    let whole = fs::read(&backup).expect("readable");
    let part = folder.path().join("part");
    fs::write(&part, &whole[..whole.len() / 2]).expect("written");
    let data = tempdir().expect("a folder");
    let refused = restore(&env, &part, None, data.path()).await;
    let refused = refused.expect_err("half of it").to_string();
    assert!(
        refused.contains("part cannot be restored: it is damaged"),
        "{refused}"
    );
    assert!(names(data.path()).is_empty());

    // As a process leaves it that is killed halfway.
    let left = data.path().join("restore.unfinished");
    fs::create_dir(&left).expect("a folder");
    fs::write(left.join("postern.db"), "half").expect("written");
    restore(&env, &backup, None, data.path())
        .await
        .expect("restored");
    assert_eq!(names(data.path()), ["postern.db"]);
}

async fn a_backup_with_another_schema_is_not_restored(env: TestEnv) {
    let folder = tempdir().expect("a folder");
    back_up(&env, folder.path()).await.expect("a backup");
    for (change, text) in [
        (
            "CREATE TRIGGER copies AFTER INSERT ON message BEGIN DELETE FROM audit; END",
            "its trigger copies is not of Postern",
        ),
        (
            "DROP TRIGGER recipient_count_delete; CREATE TRIGGER recipient_count_delete \
             AFTER DELETE ON recipient BEGIN DELETE FROM audit; END",
            "its trigger recipient_count_delete is not of Postern",
        ),
        ("DROP TABLE webhook_delivery", "it lacks the "),
        (
            "ALTER TABLE message DROP COLUMN webhook_id",
            "it lacks the table message, column webhook_id",
        ),
        (
            "DROP TABLE suppression; CREATE VIEW suppression AS SELECT 1 AS address",
            "it lacks the ",
        ),
    ] {
        let changed = folder.path().join("changed");
        fs::copy(folder.path().join("backup"), &changed).expect("copied");
        let connection = rusqlite::Connection::open(&changed).expect("opens");
        connection.execute_batch(change).expect(change);
        connection.close().expect("closes");
        let data = tempdir().expect("a folder");
        let refused = restore(&env, &changed, None, data.path()).await;
        let refused = refused.expect_err(change).to_string();
        let text = format!("changed cannot be restored: it is damaged: {text}");
        assert!(refused.contains(&text), "{refused}");
        assert!(names(data.path()).is_empty());
    }
}

/// The outcomes of the backups in the audit log, the oldest first.
async fn backups_in_log(env: &TestEnv) -> Vec<String> {
    let outcomes = sqlx::query_scalar(
        "SELECT outcome FROM audit WHERE action = 'back up' ORDER BY node, number",
    );
    let outcomes = outcomes.fetch_all(&mut env.connection().await).await;
    outcomes.expect("the rows of backups")
}

async fn a_backup_overwrites_nothing_and_an_interrupted_one_leaves_nothing(env: TestEnv) {
    env.tamper("INSERT INTO message_body (id, bytes) VALUES ('large', zeroblob(4000000))")
        .await;
    let folder = tempdir().expect("a folder");
    let interrupted = Arc::new(AtomicBool::new(true));
    let request_of_all = request(&env, folder.path());
    let ended = engine::back_up(request_of_all, &Actor::local(0), interrupted).await;
    assert!(matches!(ended, Err(BackupError::Interrupted)), "{ended:?}");
    assert!(names(folder.path()).is_empty());
    assert_eq!(backups_in_log(&env).await, ["begun", "failed"]);

    back_up(&env, folder.path()).await.expect("a backup");
    let recorded = backups_in_log(&env).await;
    assert_eq!(recorded, ["begun", "failed", "begun", "done"]);
    for (outcome, rows) in [
        (AuditOutcome::Begun, 2),
        (AuditOutcome::Failed, 1),
        (AuditOutcome::Done, 1),
        (AuditOutcome::Refused, 0),
    ] {
        let search = AuditSearch {
            action: "back up".to_owned(),
            outcome: Some(outcome),
            ..AuditSearch::default()
        };
        let found = env.audit_rows(&search).await;
        assert_eq!(found.len(), rows, "{outcome:?}");
    }
    let first = fs::read(folder.path().join("backup")).expect("readable");
    let again = back_up(&env, folder.path()).await;
    assert!(matches!(again, Err(BackupError::Exists(_))), "{again:?}");
    assert!(first.len() > 4_000_000);

    let other = tempdir().expect("a folder");
    let in_one = BackupRequest {
        keys: Some(other.path().join("./backup")),
        ..request(&env, other.path())
    };
    let refused = engine::back_up(in_one, &Actor::local(0), Arc::default()).await;
    assert!(
        matches!(refused, Err(BackupError::SameFile(_))),
        "{refused:?}"
    );
    assert!(names(other.path()).is_empty());

    let empty = tempdir().expect("a folder");
    let nowhere = BackupRequest {
        data: empty.path().to_owned(),
        ..request(&env, empty.path())
    };
    let refused = engine::back_up(nowhere, &Actor::local(0), Arc::default()).await;
    assert!(
        matches!(refused, Err(BackupError::NoDatabase(_))),
        "{refused:?}"
    );
    assert!(names(empty.path()).is_empty());
}

async fn keys_without_their_backup_do_not_hinder_the_next_one(env: TestEnv) {
    let folder = tempdir().expect("a folder");
    let [backup, keys] = ["backup", "keys"].map(|name| folder.path().join(name));
    back_up(&env, folder.path()).await.expect("a backup");
    // As a process leaves it that is killed between the two files.
    fs::remove_file(&backup).expect("removed");
    let admin = env.admin().await;
    let rotated = env.postern.sealing_keys().rotate(&admin).await;
    rotated.expect("rotated");
    let made = back_up(&env, folder.path()).await.expect("a backup");
    assert!(made.keys == Some(2) && backup.exists(), "{made:?}");
    assert!(made.missing_keys.is_empty(), "{made:?}");
    assert_eq!(names(folder.path()).len(), 2, "nothing unfinished is left");

    // Keys that are not in the folder, and a file that has none.
    let (other, elsewhere) = (TestEnv::sqlite().await, tempdir().expect("a folder"));
    back_up(&other, elsewhere.path()).await.expect("a backup");
    let others = fs::read(elsewhere.path().join("keys")).expect("readable");
    for present in [&others[..], b"notes"] {
        fs::remove_file(&backup).expect("removed");
        fs::write(&keys, present).expect("written");
        let refused = back_up(&env, folder.path()).await;
        assert!(
            matches!(refused, Err(BackupError::Exists(_))),
            "{refused:?}"
        );
        assert_eq!(fs::read(&keys).expect("readable"), present);
        assert_eq!(names(folder.path()), ["keys"]);
        fs::write(&backup, "another").expect("written");
    }
}

/// Their file may be that of the other one, which has replaced it.
async fn a_backup_that_loses_its_name_to_another_leaves_the_keys(env: TestEnv) {
    let folder = tempdir().expect("a folder");
    let [backup, keys] = ["backup", "keys"].map(|name| folder.path().join(name));
    // Both files are begun by then, and neither has its name.
    let other = async { fs::write(&backup, "another").expect("written") };
    let (refused, ()) = tokio::join!(back_up(&env, folder.path()), other);
    assert!(
        matches!(refused, Err(BackupError::Exists(_))),
        "{refused:?}"
    );
    let left = KeyCopies::of_file(&keys);
    assert!(left.is_ok(), "{left:?}");
    assert_eq!(names(folder.path()).len(), 2, "nothing unfinished is left");

    fs::remove_file(&backup).expect("removed");
    let made = back_up(&env, folder.path()).await.expect("a backup");
    assert_eq!(made.keys, Some(1));
}

async fn a_backup_of_an_earlier_version_is_migrated_when_it_is_restored(env: TestEnv) {
    let folder = tempdir().expect("a folder");
    let config = on(&env, folder.path());
    let mut connection = connect(&config).await;
    let migrated = migrations("sqlite")
        .await
        .run_to(EARLIER, &mut connection)
        .await;
    migrated.expect("the tables of an earlier version");
    connection.close().await.expect("closes");

    let earlier = BackupRequest {
        data: folder.path().to_owned(),
        keys: None,
        ..request(&env, folder.path())
    };
    let made = engine::back_up(earlier, &Actor::local(0), Arc::default()).await;
    assert!(!made.expect("a backup").recorded, "that would migrate it");
    let data = tempdir().expect("a folder");
    let backup = folder.path().join("backup");
    let restored = restore(&env, &backup, None, data.path()).await;
    let restored = restored.expect("restored");
    assert!(restored.migrations > 0);
    // No row of the audit log says so.
    assert!(restored.made_at.is_some(), "{restored:?}");
    let other = opened(&env, data).await;
    let admin = other.admin().await;
    let overview = other.postern.outbox().overview(&admin).await;
    assert!(overview.expect("there").pause.is_some());
}

stories! {
    sqlite {
        a_restored_backup_sends_nothing_until_a_person_resumes_delivery;
        a_backup_opens_its_passwords_with_its_keys_only;
        what_cannot_be_restored_leaves_the_data_folder_as_it_was;
        a_backup_with_another_schema_is_not_restored;
        a_backup_overwrites_nothing_and_an_interrupted_one_leaves_nothing;
        keys_without_their_backup_do_not_hinder_the_next_one;
        a_backup_that_loses_its_name_to_another_leaves_the_keys;
        a_backup_of_an_earlier_version_is_migrated_when_it_is_restored;
    }
}
