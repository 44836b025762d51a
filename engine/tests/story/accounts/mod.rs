//! The first administrator, signing in, passwords, sessions.

mod all_sessions;
mod lockout;
mod people;

use std::time::Duration;

use domain::account::Role;
use domain::settings::PasswordChange;
use domain::{Kind, SecretString};
use engine::{Actor, NewToken, Origin};
use futures::FutureExt;

use crate::environment::{PASSWORD, TestEnv, execute, form};
use crate::wait::wait_for;

fn secret(text: &str) -> SecretString {
    SecretString::new(text)
}

async fn the_setup_link_creates_one_administrator(env: TestEnv) {
    let (postern, origin) = (&env.postern, Origin::default());
    let token = postern
        .accounts()
        .setup_token()
        .await
        .expect("asks")
        .expect("nobody is there yet");
    let wrong = postern
        .accounts()
        .create_first("guess", "a@example.org", secret(PASSWORD), &origin)
        .await;
    assert_eq!(wrong.expect_err("a guess").kind, Kind::Forbidden);
    let short = postern
        .accounts()
        .create_first(&token, "a@example.org", secret("short"), &origin)
        .await;
    assert!(
        short
            .expect_err("too short")
            .fields
            .contains_key("password")
    );
    let easy = postern
        .accounts()
        .create_first(&token, "a@example.org", secret("postern12345"), &origin)
        .await
        .expect_err("too easy to guess");
    assert!(easy.fields["password"].contains("easy to guess"));
    let both = postern
        .accounts()
        .create_first(&token, "nobody", secret("short"), &origin)
        .await
        .expect_err("neither is right");
    assert!(both.fields.contains_key("email") && both.fields.contains_key("password"));
    let account = postern
        .accounts()
        .create_first(&token, "A@Example.org", secret(PASSWORD), &origin)
        .await;
    assert_eq!(account.expect("created").account.email, "a@example.org");
    let again = postern
        .accounts()
        .create_first(&token, "b@example.org", secret(PASSWORD), &origin)
        .await;
    assert_eq!(again.expect_err("used").kind, Kind::Forbidden);
    assert_eq!(postern.accounts().setup_token().await.expect("asks"), None);
}

/// Another request with the link has created its account, and commits.
async fn of_two_requests_with_a_setup_link_one_creates_an_administrator(env: TestEnv) {
    let (accounts, origin) = (env.postern.accounts(), Origin::default());
    let token = accounts.setup_token().await.expect("asks");
    let token = token.expect("no account exists");
    let mut other = env.connection().await;
    let statements = "BEGIN; DELETE FROM setup_link; \
                      INSERT INTO account (id, email, role, password_hash, created_at) \
                      VALUES ('01JD0000000000000000000000', 'a@example.org', 'admin', 'x', 0)";
    execute(&mut other, statements).await;
    let create = accounts.create_first(&token, "b@example.org", secret(PASSWORD), &origin);
    let commit = async {
        env.until_waiting(1).await;
        execute(&mut other, "COMMIT").await;
    };
    let (created, ()) = tokio::join!(create, commit);
    let refusal = created.expect_err("the link is used");
    assert_eq!(refusal.kind, Kind::Conflict);
    let listed = accounts.list(&Actor::local(0), "").await.expect("lists");
    assert_eq!(listed.accounts.len(), 1);
}

async fn a_setup_link_expires_and_is_replaced_by_a_newer_one(env: TestEnv) {
    let accounts = env.postern.accounts();
    let newest = async || {
        let token = accounts.setup_token().await.expect("asks");
        token.expect("no account exists")
    };
    let first = newest().await;
    assert!(accounts.is_setup_token(&first).await.expect("asks"));
    let second = newest().await;
    assert!(!accounts.is_setup_token(&first).await.expect("asks"));
    env.pass(Duration::from_secs(3599));
    assert!(accounts.is_setup_token(&second).await.expect("asks"));
    env.pass(Duration::from_secs(1));
    assert!(!accounts.is_setup_token(&second).await.expect("asks"));
    let late = accounts
        .create_first(
            &second,
            "a@example.org",
            secret(PASSWORD),
            &Origin::default(),
        )
        .await;
    assert_eq!(late.expect_err("expired").kind, Kind::Forbidden);
}

async fn failed_logins_are_throttled_and_do_not_reveal_accounts(env: TestEnv) {
    let _ = env.admin().await;
    let origin = Origin {
        address: "192.0.2.1".parse().ok(),
        ..Origin::default()
    };
    let login = |email: &'static str, origin: Origin| {
        let postern = env.postern.clone();
        async move {
            postern
                .accounts()
                .login(email, SecretString::new("wrong"), &origin)
                .await
                .expect_err("wrong")
        }
    };
    let known = login("admin@example.org", origin.clone()).await;
    assert_eq!(known, login("nobody@example.org", origin.clone()).await);
    assert_eq!(known.kind, Kind::Unauthenticated);
    // On a slow machine the first delays pass unnoticed; the next are longer.
    let failures = async |email| {
        for number in 0..10 {
            if login(email, origin.clone()).await.kind == Kind::TooMany {
                return number;
            }
        }
        panic!("never slowed down");
    };
    assert!(failures("admin@example.org").await >= 3);
    // The network is throttled for every account; another network is not.
    assert!(failures("other@example.org").await < 5);
    assert_eq!(
        login("other@example.org", Origin::default()).await.kind,
        Kind::Unauthenticated
    );
    env.pass(Duration::from_secs(61));
    let right = env
        .postern
        .accounts()
        .login("Admin@example.org ", secret(PASSWORD), &Origin::default())
        .await;
    assert!(right.is_ok(), "never a lock-out");
}

async fn a_clock_set_back_does_not_lock_accounts(env: TestEnv) {
    let (admin, postern) = (env.admin().await, &env.postern);
    let login = async |password| {
        let origin = Origin::default();
        let account = postern
            .accounts()
            .login("admin@example.org", secret(password), &origin);
        account.await.map(drop).map_err(|refusal| refusal.kind)
    };
    let test = async || {
        let to = "desk@example.net".to_owned();
        let test = postern
            .diagnosis()
            .test(&admin, Some(form()), PasswordChange::Clear, to);
        test.await.map(drop).map_err(|refusal| refusal.kind)
    };
    let throttled = |result: Result<(), Kind>| match result {
        Err(Kind::TooMany) => Ok(()),
        other => Err(other),
    };
    wait_for("a throttled login", async || {
        throttled(login("wrong").await)
    })
    .await;
    wait_for("a throttled test", async || throttled(test().await)).await;
    env.put_back(Duration::from_hours(2));
    env.pass(Duration::from_secs(61));
    assert_eq!(login(PASSWORD).await, Ok(()));
    assert_eq!(test().await, Ok(()));
}

async fn an_invalid_address_fails_like_an_unknown_one(env: TestEnv) {
    let _ = env.admin().await;
    let login = async |email: &str| {
        let (postern, origin) = (&env.postern, Origin::default());
        let refused = postern
            .accounts()
            .login(email, secret(PASSWORD), &origin)
            .await;
        refused.expect_err("wrong")
    };
    let unknown = login("nobody@example.org").await;
    for odd in [
        "\0",
        "a\0b@example.org",
        "admin\0@example.org",
        "admin@example.org\u{1}",
    ] {
        assert_eq!(login(odd).await, unknown, "{odd:?}");
    }
}

async fn invalid_input_does_not_throttle_the_network(env: TestEnv) {
    let login = async |email: &str, origin: Origin| {
        let refused = env
            .postern
            .accounts()
            .login(email, secret("wrong"), &origin)
            .await;
        refused.expect_err("wrong").kind
    };
    for _ in 0..5 {
        let kind = login("net 192.0.2", Origin::default()).await;
        assert_eq!(kind, Kind::Unauthenticated);
    }
    let origin = Origin {
        address: "192.0.2.1".parse().ok(),
        ..Origin::default()
    };
    let kind = login("a@example.org", origin).await;
    assert_eq!(kind, Kind::Unauthenticated);
}

async fn a_session_ends_after_two_idle_hours_or_twelve_in_all(env: TestEnv) {
    let postern = &env.postern;
    let _ = env.sign_in("a@example.org", Role::User).await;
    let login = async || {
        let origin = Origin::default();
        let login = postern
            .accounts()
            .login("a@example.org", secret(PASSWORD), &origin);
        login.await.expect("signs in")
    };
    let seen = async |name: &str| {
        let actor = postern
            .accounts()
            .session_actor(name, Origin::default())
            .await;
        actor.expect("asks")
    };
    let alive = async |name: &str| {
        let actor = seen(name).await;
        if let Some(actor) = &actor {
            postern.accounts().touch(actor).await.expect("touches");
        }
        actor.is_some()
    };
    postern
        .accounts()
        .begin_session("idle", &login().await, &Origin::default())
        .await
        .expect("begins");
    env.pass(Duration::from_hours(2) - Duration::from_secs(5));
    assert!(alive("idle").await);
    env.pass(Duration::from_hours(1));
    assert!(seen("idle").await.is_some(), "seen by a page, not used");
    env.pass(Duration::from_hours(1));
    assert!(!alive("idle").await);
    postern
        .accounts()
        .begin_session("busy", &login().await, &Origin::default())
        .await
        .expect("begins");
    for _ in 0..11 {
        env.pass(Duration::from_hours(1));
        assert!(alive("busy").await);
    }
    env.pass(Duration::from_hours(1));
    assert!(!alive("busy").await);
    assert!(!alive("never").await);
}

async fn a_list_has_no_sessions_that_have_expired(env: TestEnv) {
    let (local, ann) = (Actor::local(0), "ann@example.org");
    let _ = env.sign_in(ann, Role::User).await;
    let accounts = env.postern.accounts();
    let id = accounts.read_by_email(&local, ann).await.expect("there").id;
    let listed = async || {
        let listed = accounts.sessions_of(&local, &id).await;
        listed.expect("lists").len()
    };
    assert_eq!(listed().await, 1);
    // Nobody signs in meanwhile, which would remove its row.
    env.pass(Duration::from_hours(2));
    assert_eq!(listed().await, 0, "nobody is signed in");
}

async fn changing_the_password_ends_the_other_sessions(env: TestEnv) {
    let one = env.sign_in("a@example.org", Role::User).await;
    let two = env.sign_in("a@example.org", Role::User).await;
    let wrong = env
        .postern
        .accounts()
        .change_password(&one, secret("wrong"), secret("a new long password"))
        .await;
    assert!(wrong.expect_err("wrong").fields.contains_key("current"));
    let short = env
        .postern
        .accounts()
        .change_password(&one, secret(PASSWORD), secret("short"))
        .await;
    assert!(short.expect_err("short").fields.contains_key("new"));
    let easy = env
        .postern
        .accounts()
        .change_password(&one, secret(PASSWORD), secret("a@example.org"))
        .await;
    assert!(easy.expect_err("easy to guess").fields["new"].contains("easy to guess"));
    assert_eq!(
        env.postern
            .accounts()
            .sessions(&two)
            .await
            .expect("lists")
            .len(),
        2
    );
    env.postern
        .accounts()
        .change_password(&one, secret(PASSWORD), secret("a new long password"))
        .await
        .expect("changes");
    let left = env.postern.accounts().sessions(&one).await.expect("lists");
    assert!(left.len() == 1 && left[0].current);
    let old = env
        .postern
        .accounts()
        .login("a@example.org", secret(PASSWORD), &Origin::default())
        .await;
    assert!(old.is_err());
}

async fn a_login_verified_before_a_password_reset_begins_no_session(env: TestEnv) {
    let (admin, accounts) = (env.admin().await, env.postern.accounts());
    let origin = Origin::default();
    let login = accounts
        .login("admin@example.org", secret(PASSWORD), &origin)
        .await
        .expect("verified");
    accounts
        .reset_password(
            &admin,
            "admin@example.org",
            secret("a new long password"),
            false,
        )
        .await
        .expect("resets");
    let begun = accounts.begin_session("late", &login, &origin).await;
    assert_eq!(
        begun.expect_err("an old password").kind,
        Kind::Unauthenticated
    );
    let actor = accounts.session_actor("late", origin).await.expect("asks");
    assert!(actor.is_none());
}

/// What was verified before another transaction changes the password, and acts after its commit.
async fn a_verified_password_is_compared_with_one_that_is_being_changed(env: TestEnv) {
    let ann = env.sign_in("ann@example.org", Role::User).await;
    let accounts = env.postern.accounts();
    let origin = Origin::default();
    let login = accounts
        .login("ann@example.org", secret(PASSWORD), &origin)
        .await
        .expect("verified");
    let mut reset = env.connection().await;
    let statements = "BEGIN; UPDATE account SET password_hash = 'reset'";
    execute(&mut reset, statements).await;
    let acts = async {
        let begin = accounts.begin_session("late", &login, &origin);
        let change =
            accounts.change_password(&ann, secret(PASSWORD), secret("a new long password"));
        tokio::join!(begin, change)
    };
    let commit = async {
        env.until_waiting(2).await;
        execute(&mut reset, "COMMIT").await;
    };
    let ((begun, changed), ()) = tokio::join!(acts, commit);
    assert_eq!(
        begun.expect_err("an old password").kind,
        Kind::Unauthenticated
    );
    assert!(
        changed
            .expect_err("an old password")
            .fields
            .contains_key("current")
    );
}

async fn a_login_that_is_cancelled_is_counted_and_audited(env: TestEnv) {
    let eve = env.sign_in("eve@example.org", Role::User).await;
    let admin = env.admin().await;
    let guess = || {
        let new = secret("a new long password");
        env.postern
            .accounts()
            .change_password(&eve, secret("wrong"), new)
    };
    for guesses in 1..=5 {
        let _ = guess().now_or_never();
        wait_for("an audit row of each guess", async || {
            let trail = env.postern.audit().trail(&admin, 10).await;
            let trail = trail.expect("lists");
            let refused = trail.iter().filter(|row| row.outcome == "refused (422)");
            (refused.count() == guesses).then_some(()).ok_or(trail)
        })
        .await;
        // Refusals that repeat one within a minute have no row of their own. The fifth is followed
        // by the delay of the throttle.
        if guesses < 5 {
            env.pass(Duration::from_secs(61));
        }
    }
    let refusal = guess().await.expect_err("slowed down");
    assert_eq!(refusal.kind, Kind::TooMany);
}

async fn a_session_is_ended_by_its_own_account_only(env: TestEnv) {
    let ann = env.sign_in("ann@example.org", Role::User).await;
    let eve = env.sign_in("eve@example.org", Role::Admin).await;
    let of_ann = env
        .postern
        .accounts()
        .sessions(&ann)
        .await
        .expect("lists")
        .remove(0);
    let refused = env.postern.accounts().end_session(&eve, &of_ann.id).await;
    assert_eq!(refused.expect_err("not hers").kind, Kind::NotFound);
    // An application's token does not reach what belongs to the person.
    let accounts = env.postern.accounts();
    let token = accounts
        .create_token(&Actor::local(0), NewToken::new("ann@example.org", "app"))
        .await
        .expect("created");
    let app = accounts.token_actor(&token, Origin::default()).await;
    let app = app.expect("asks").expect("a valid token");
    let forbidden = [
        accounts.sessions(&app).await.map(drop),
        accounts.end_session(&app, &of_ann.id).await,
        accounts
            .change_password(&app, secret(PASSWORD), secret("another long password"))
            .await
            .map(drop),
    ];
    for refused in forbidden {
        assert_eq!(refused.expect_err("a token").kind, Kind::Forbidden);
    }
    let refused = accounts.end_session(&ann, "a\0b").await;
    assert_eq!(refused.expect_err("no such id").kind, Kind::NotFound);
    env.postern
        .accounts()
        .end_session(&ann, &of_ann.id)
        .await
        .expect("ends");
    assert!(
        env.postern
            .accounts()
            .sessions(&ann)
            .await
            .expect("lists")
            .is_empty()
    );
}

stories! {
    both {
        the_setup_link_creates_one_administrator;
        a_setup_link_expires_and_is_replaced_by_a_newer_one;
        failed_logins_are_throttled_and_do_not_reveal_accounts;
        a_clock_set_back_does_not_lock_accounts;
        an_invalid_address_fails_like_an_unknown_one;
        invalid_input_does_not_throttle_the_network;
        a_session_ends_after_two_idle_hours_or_twelve_in_all;
        a_list_has_no_sessions_that_have_expired;
        changing_the_password_ends_the_other_sessions;
        a_login_verified_before_a_password_reset_begins_no_session;
        a_login_that_is_cancelled_is_counted_and_audited;
        a_session_is_ended_by_its_own_account_only;
    }
    postgres {
        of_two_requests_with_a_setup_link_one_creates_an_administrator;
        a_verified_password_is_compared_with_one_that_is_being_changed;
    }
}
