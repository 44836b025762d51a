//! Rotation of keys: secrets are sealed anew, no request fails, and an unused key is retired.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use domain::Kind;
use domain::account::Role;
use domain::crypto::keys::{KeysView, ROTATION_AGE, SealedKind, SealingKeyState};
use domain::mail::dkim::DkimAlgorithm;
use domain::settings::{PasswordChange, PasswordState};
use engine::{Actor, Config, Postern};
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::environment::{TestEnv, form};
use crate::second_factor::{Ann, second_step};
use crate::wait::within;
use crate::webhooks::organisation_webhooks;

/// Longer than another process may seal with the key before.
pub const SETTLED: Duration = Duration::from_secs(15);

/// Keys as administrators see them.
pub async fn keys(postern: &Postern) -> KeysView {
    let listed = postern.sealing_keys().list(&Actor::local(0)).await;
    listed.expect("keys")
}

/// The ids of the keys in this state.
pub fn in_state(view: &KeysView, state: SealingKeyState) -> Vec<String> {
    let keys = view.sealing.iter().filter(|key| key.state == state);
    keys.map(|key| key.id.clone()).collect()
}

/// Maintains the keys until a pass finds no more to seal anew.
async fn maintain_all(postern: &Postern) {
    let passes = async { while postern.sealing_keys().maintain().await.expect("maintains") {} };
    within("a pass without a batch", passes).await;
}

/// Maintains the keys until nothing is to be sealed anew.
pub async fn seal_anew(postern: &Postern) {
    maintain_all(postern).await;
    assert_eq!(keys(postern).await.to_seal_anew(), 0);
}

pub async fn rotate(postern: &Postern) -> KeysView {
    let rotated = postern.sealing_keys().rotate(&Actor::local(0)).await;
    rotated.expect("rotates")
}

/// The state of the saved password of the first relay.
pub async fn password(postern: &Postern) -> PasswordState {
    let view = postern.settings().view(&Actor::local(0)).await;
    view.expect("readable").password
}

pub async fn save(postern: &Postern, change: PasswordChange) {
    let saved = postern
        .settings()
        .save(&Actor::local(0), form(), change, None)
        .await;
    assert_eq!(saved.expect("saved").password, PasswordState::Saved);
}

impl TestEnv {
    /// A secret of every kind. Ann has a second factor.
    pub async fn with_secrets(&self) -> Ann {
        let (operator, admin) = (Actor::local(0), self.admin().await);
        let ann = Ann::with_second_factor(self).await;
        for password in ["one", "two"] {
            let sealed = self.sealed(password).await;
            save(&self.postern, sealed).await;
        }
        let webhook = organisation_webhooks(&self.postern)
            .create(&admin, "https://hooks.example.org/postern")
            .await;
        webhook.expect("a webhook");
        let domains = self.postern.domains();
        let key = domains.create_key(&operator, "example.org", DkimAlgorithm::Ed25519);
        key.await.expect("a DKIM key");
        ann
    }

    /// Another process on the database, with this data folder.
    pub async fn node(&self, host: &str, data: &Path) -> Result<Postern, String> {
        let config = Config {
            host: host.to_owned(),
            data: data.to_owned(),
            browser_key: None,
            ..self.config.clone()
        };
        let opened = Postern::open(config).await;
        opened.map_err(|error| error.to_string())
    }
}

/// Copies the files of a folder into another one, which is made.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("a type").is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
        }
    }
}

async fn every_secret_is_sealed_anew_and_the_old_key_is_retired(env: TestEnv) {
    let ann = env.with_secrets().await;
    let before = keys(&env.postern).await;
    let old = before.active().expect("a key").clone();
    let kinds: BTreeSet<SealedKind> = old.values.iter().map(|count| count.kind).collect();
    assert_eq!(kinds.len(), 6, "{kinds:?}");
    let service = env.postern.sealing_keys();
    let retire = async || service.retire(&Actor::local(0), &old.id).await;
    let refused = retire().await.expect_err("it seals");
    assert!(
        refused.text().contains("Rotate the keys first"),
        "{refused}"
    );

    let rotated = rotate(&env.postern).await;
    let new = rotated.active().expect("a key").clone();
    assert_ne!(new.id, old.id);
    assert_eq!(rotated.to_seal_anew(), before.number());
    let refused = retire().await.expect_err("a process may not know");
    assert!(refused.text().contains("15 seconds"), "{refused}");
    env.pass(SETTLED);
    let refused = retire().await.expect_err("values refer to it");
    assert_eq!(refused.kind, Kind::Conflict);
    assert!(refused.text().contains("1 relay password"), "{refused}");

    seal_anew(&env.postern).await;
    let sealed = keys(&env.postern).await;
    let active = sealed.active().expect("a key");
    assert_eq!((&active.id, active.number()), (&new.id, before.number()));
    let left = retire().await.expect("nothing refers to it");
    assert_eq!(left.sealing.len(), 1);
    let files = env.key_files();
    assert_eq!(files.len(), 1, "{files:?}");
    assert!(files[0].ends_with(format!("{}.key", new.id)));

    // A process that was started afterwards has the new key alone.
    let again = env.node("", env.data()).await.expect("opens");
    assert_eq!(password(&again).await, PasswordState::Saved);
    let login = crate::second_factor::password(&again).await;
    let pending = again.accounts().begin_second_step(&login).await;
    let pending = pending.expect("begins").expect("a second factor");
    let code = ann.app.code(&env, 0);
    second_step(&env, &pending, code).await.expect("the code");
    let domain = again.domains().keys(&Actor::local(0), "example.org").await;
    assert!(domain.expect("keys")[0].is_usable);
    let trail = env.postern.audit().trail(&Actor::local(0), 20).await;
    let trail = trail.expect("rows");
    for (action, detail) in [("rotate keys", &new.id), ("retire key", &old.id)] {
        let done = trail
            .iter()
            .any(|row| row.action == action && row.outcome == "done" && row.detail == *detail);
        assert!(done, "{action}");
    }
}

/// The columns of text in the database.
async fn columns(env: &TestEnv, connection: &mut AnyConnection) -> Vec<(String, String)> {
    let sql = match env.config.database {
        Some(_) => {
            "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT) \
             FROM information_schema.columns \
             WHERE table_schema = 'public' AND data_type = 'text'"
        }
        None => {
            "SELECT tables.name, columns.name FROM sqlite_master AS tables \
             JOIN pragma_table_info(tables.name) AS columns \
             WHERE tables.type = 'table' AND columns.type = 'TEXT'"
        }
    };
    let found = sqlx::query_as(sql).fetch_all(connection).await;
    found.expect("columns")
}

async fn every_column_with_sealed_values_is_counted(env: TestEnv) {
    env.with_secrets().await;
    let mut connection = env.connection().await;
    let (mut holders, mut number) = (BTreeSet::new(), 0);
    for (table, column) in columns(&env, &mut connection).await {
        // The header of a value at rest begins with {"alg":"dir".
        let sql =
            format!("SELECT COUNT(*) FROM \"{table}\" WHERE \"{column}\" LIKE 'eyJhbGciOiJkaXIi%'");
        let counted = sqlx::query_scalar(AssertSqlSafe(sql));
        let found: i64 = counted.fetch_one(&mut connection).await.expect("a number");
        if found > 0 {
            holders.insert(format!("{table}.{column}"));
            number += found;
        }
    }
    let expected = [
        "browser_key.private_key",
        "dkim_key.private_key",
        "information.value",
        "revision.password",
        "totp.secret",
        "webhook.secret",
    ];
    assert_eq!(holders, BTreeSet::from(expected.map(str::to_owned)));
    assert_eq!(keys(&env.postern).await.number(), number);
}

async fn rotation_under_load_fails_no_request(env: TestEnv) {
    // As pages that were loaded before.
    let mut sealed = Vec::new();
    for number in 0..22 {
        sealed.push(env.sealed(&format!("password {number}")).await);
    }
    let (late, too_late) = (sealed.pop(), sealed.pop());
    save(&env.postern, env.sealed("first").await).await;
    let postern = env.postern.clone();
    let saves = tokio::spawn(async move {
        for change in sealed {
            save(&postern, change).await;
            assert_eq!(password(&postern).await, PasswordState::Saved);
        }
    });
    let service = env.postern.sealing_keys();
    for _ in 0..3 {
        rotate(&env.postern).await;
        maintain_all(&env.postern).await;
    }
    let rotated = service.rotate_browser_key(&Actor::local(0)).await;
    let pairs = rotated.expect("rotates").browser;
    assert_eq!(pairs.len(), 2);
    assert!(pairs[0].is_published && !pairs[1].is_published);
    assert!(pairs[1].accepted_until < pairs[0].accepted_until);
    saves.await.expect("every save is accepted");
    // A save that was under way may have sealed with the key before: the next pass finds its value.
    env.pass(Duration::from_mins(1));
    seal_anew(&env.postern).await;
    assert_eq!(password(&env.postern).await, PasswordState::Saved);

    // For an hour a page that was loaded before saves.
    env.pass(Duration::from_mins(58));
    save(&env.postern, late.expect("a value")).await;
    env.pass(Duration::from_mins(1));
    let settings = env.postern.settings();
    let change = too_late.expect("a value");
    let refused = settings.save(&Actor::local(0), form(), change, None).await;
    let refused = refused.expect_err("its pair is dead");
    assert!(refused.fields["smtp_password"].contains("no longer valid"));
    save(&env.postern, env.sealed("anew").await).await;
}

async fn sealing_anew_goes_on_after_a_restart(env: TestEnv) {
    let (domains, operator) = (env.postern.domains(), Actor::local(0));
    for number in 0..60 {
        let domain = format!("d{}.example.org", number / 10);
        let key = domains.create_key(&operator, &domain, DkimAlgorithm::Ed25519);
        key.await.expect("a DKIM key");
    }
    let all = rotate(&env.postern).await.to_seal_anew();
    let mut left = all;
    while left == all {
        let maintained = env.postern.sealing_keys().maintain().await;
        assert!(maintained.expect("maintains"), "there is more");
        left = keys(&env.postern).await.to_seal_anew();
    }
    assert!(left > 0, "a batch is bounded");
    let again = env.node("", env.data()).await.expect("opens");
    assert_eq!(keys(&again).await.to_seal_anew(), left);
    seal_anew(&again).await;
    let first = again
        .domains()
        .keys(&Actor::local(0), "d0.example.org")
        .await;
    assert!(first.expect("keys").iter().all(|key| key.is_usable));
}

async fn a_node_reads_the_key_of_another_one_when_a_value_needs_it(env: TestEnv) {
    let other = env.node("other", env.data()).await.expect("opens");
    let before = rotate(&env.postern).await;
    // On PostgreSQL the other one reports the file that it found.
    for postern in [&other, &env.postern] {
        postern.sealing_keys().maintain().await.expect("maintains");
    }
    let after = keys(&env.postern).await;
    let new = after.active().expect("a key").id.clone();
    assert_eq!(new, before.sealing[0].id);
    assert_eq!(keys(&other).await.active().map(|key| &key.id), Some(&new));

    // One that does not maintain its keys learns by the value itself.
    let third = env.node("other", env.data()).await.expect("opens");
    rotate(&env.postern).await;
    other.sealing_keys().maintain().await.expect("maintains");
    env.postern
        .sealing_keys()
        .maintain()
        .await
        .expect("maintains");
    save(&env.postern, env.sealed("hunter2").await).await;
    assert_eq!(password(&third).await, PasswordState::Saved);
}

async fn a_key_seals_when_every_node_has_its_file(env: TestEnv) {
    save(&env.postern, env.sealed("first").await).await;
    let data = env.data().join("other");
    copy(&env.data().join("keys"), &data.join("keys"));
    let other = env.node("other", &data).await.expect("opens");
    let before = keys(&env.postern).await;
    let old = before.active().expect("a key").id.clone();
    let rotated = rotate(&env.postern).await;
    let waiting = in_state(&rotated, SealingKeyState::Waiting).remove(0);
    let without = format!("other:{}", data.join("keys").display());
    assert_eq!(rotated.without_file, [without]);
    let refused = env.postern.sealing_keys().rotate(&Actor::local(0)).await;
    assert_eq!(refused.expect_err("one waits").kind, Kind::Conflict);
    // Both seal with the key that both have.
    let maintain = async |postern: &Postern| {
        let maintained = postern.sealing_keys().maintain().await;
        maintained.expect("maintains");
    };
    maintain(&env.postern).await;
    save(&env.postern, env.sealed("second").await).await;
    assert_eq!(password(&other).await, PasswordState::Saved);

    let name = format!("{waiting}.key");
    let file = |folder: &Path| folder.join("keys").join(&name);
    fs::copy(file(env.data()), file(data.as_path())).expect("copied");
    maintain(&other).await;
    maintain(&env.postern).await;
    for postern in [&env.postern, &other] {
        let view = keys(postern).await;
        assert_eq!(view.active().map(|key| &key.id), Some(&waiting));
    }
    seal_anew(&env.postern).await;
    assert_eq!(password(&other).await, PasswordState::Saved);
    // The other node reports every 20 seconds, and knows of the key then.
    env.pass(Duration::from_secs(20));
    let (service, operator) = (env.postern.sealing_keys(), Actor::local(0));
    let refused = service.retire(&operator, &old).await;
    let refused = refused.expect_err("a process may not know");
    assert!(
        refused.text().contains("The process of other:"),
        "{refused}"
    );
    maintain(&other).await;
    let retired = service.retire(&operator, &old).await;
    retired.expect("nothing refers to it");
    maintain(&other).await;
    let left = data.join("keys").join(format!("{old}.key"));
    assert!(!left.exists(), "every node deletes the file");
}

async fn a_key_that_waits_or_that_no_node_has_is_given_up(env: TestEnv) {
    let data = env.data().join("other");
    copy(&env.data().join("keys"), &data.join("keys"));
    let other = env.node("other", &data).await.expect("opens");
    let waiting = in_state(&rotate(&env.postern).await, SealingKeyState::Waiting).remove(0);
    let service = env.postern.sealing_keys();
    let left = service.retire(&Actor::local(0), &waiting).await;
    assert_eq!(left.expect("it seals nothing").sealing.len(), 1);
    assert_eq!(env.key_files().len(), 1);

    // A machine without the keys made one of its own while no node was there.
    other.close().await;
    env.pass(Duration::from_secs(61));
    let stray = env.data().join("stray");
    fs::create_dir_all(&stray).expect("a folder");
    env.node("stray", &stray)
        .await
        .expect("opens")
        .close()
        .await;
    env.pass(Duration::from_secs(61));
    let view = keys(&env.postern).await;
    let stray = in_state(&view, SealingKeyState::Lost).remove(0);
    let left = service.retire(&Actor::local(0), &stray).await;
    assert_eq!(left.expect("no node has it").sealing.len(), 1);
}

async fn keys_are_for_administrators(env: TestEnv) {
    let user = env.sign_in("user@example.org", Role::User).await;
    let service = env.postern.sealing_keys();
    let active = keys(&env.postern).await.active().expect("a key").id.clone();
    for refused in [
        service.list(&user).await,
        service.rotate(&user).await,
        service.rotate_browser_key(&user).await,
        service.retire(&user, &active).await,
    ] {
        assert_eq!(refused.expect_err("refused").kind, Kind::Forbidden);
    }
    assert_eq!(env.key_files().len(), 1);
    for id in ["01JD0000000000000000000000", "../keys", ""] {
        let missing = service.retire(&Actor::local(0), id).await;
        assert_eq!(missing.expect_err("no key").kind, Kind::NotFound);
    }
}

async fn a_key_of_a_year_is_to_be_rotated(env: TestEnv) {
    let due = async || {
        let home = env.postern.home().view(&Actor::local(0)).await;
        home.expect("a view").facts.old_key
    };
    assert_eq!(due().await, None);
    env.pass(ROTATION_AGE);
    assert!(due().await.is_some());
    rotate(&env.postern).await;
    assert_eq!(due().await, None);
}

stories! {
    both {
        every_secret_is_sealed_anew_and_the_old_key_is_retired;
        every_column_with_sealed_values_is_counted;
        rotation_under_load_fails_no_request;
        sealing_anew_goes_on_after_a_restart;
        a_node_reads_the_key_of_another_one_when_a_value_needs_it;
        keys_are_for_administrators;
        a_key_of_a_year_is_to_be_rotated;
    }
    postgres {
        a_key_seals_when_every_node_has_its_file;
        a_key_that_waits_or_that_no_node_has_is_given_up;
    }
}
