//! Sessions that are confirmed again, and administrators who need a second factor.

use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use domain::account::Role;
use domain::account::policy::PolicyChange;
use domain::{Kind, SecretString};
use engine::{Actor, NewToken, Origin};

use crate::environment::{PASSWORD, TestEnv};
use crate::second_factor::{ANN, Ann, App, STEP, audited, password, second_step};

async fn a_session_is_confirmed_for_ten_minutes(env: TestEnv) {
    let ann = env.sign_in(ANN, Role::User).await;
    let accounts = env.postern.accounts();
    // The actor of a later request of the same session.
    let again = async |actor: &Actor, secret: &str| {
        assert!(actor.has_second_factor() || !secret.is_empty());
        let found = accounts.session_actor(secret, Origin::default()).await;
        found.expect("asks").expect("is signed in")
    };
    let login = password(&env.postern).await;
    let origin = Origin::default();
    let begun = accounts.begin_session("session", &login, &origin);
    begun.await.expect("begins");
    let actor = again(&ann, "session").await;
    env.pass(Duration::from_secs(9 * 60));
    assert!(accounts.recently_confirmed(&actor).is_ok());
    env.pass(Duration::from_secs(60));
    let refused = accounts.recently_confirmed(&actor);
    assert_eq!(refused.expect_err("too old").kind, Kind::Forbidden);
    let refused = accounts.propose_totp(&actor).await;
    assert_eq!(refused.expect_err("too old").kind, Kind::Forbidden);

    let wrong = accounts.confirm(&actor, SecretString::new("wrong")).await;
    assert!(
        wrong
            .expect_err("wrong")
            .fields
            .contains_key("confirmation")
    );
    let right = accounts.confirm(&actor, SecretString::new(PASSWORD)).await;
    right.expect("the password");
    let actor = again(&ann, "session").await;
    assert!(accounts.recently_confirmed(&actor).is_ok());
    assert_eq!(
        audited(&env, 2).await,
        [
            "ann@example.org confirm session done password",
            "ann@example.org confirm session refused (422) confirmation"
        ]
    );
    let local = Actor::local(0);
    assert!(accounts.recently_confirmed(&local).is_ok());
    let refused = accounts.confirm(&local, SecretString::new(PASSWORD)).await;
    assert_eq!(refused.expect_err("no session").kind, Kind::Forbidden);
}

async fn a_session_is_confirmed_with_the_second_factor_where_there_is_one(env: TestEnv) {
    let ann = Ann::with_second_factor(&env).await;
    let accounts = env.postern.accounts();
    env.pass(Duration::from_secs(10 * 60));
    let refused = accounts.remove_own_second_factor(&ann.actor).await;
    assert_eq!(refused.expect_err("too old").kind, Kind::Forbidden);
    let refused = accounts.new_recovery_codes(&ann.actor).await;
    assert_eq!(refused.expect_err("too old").kind, Kind::Forbidden);
    for wrong in [SecretString::new(PASSWORD), ann.app.wrong_code(&env)] {
        let refused = accounts.confirm(&ann.actor, wrong).await;
        let refused = refused.expect_err("no proof");
        assert!(refused.fields.contains_key("confirmation"), "{refused}");
    }
    let code = ann.app.code(&env, 0);
    let confirmed = accounts.confirm(&ann.actor, code.clone()).await;
    confirmed.expect("a code");
    let refused = accounts.confirm(&ann.actor, code).await;
    assert!(refused.is_err(), "used");
    for _ in 0..3 {
        let _ = accounts.confirm(&ann.actor, ann.app.wrong_code(&env)).await;
    }
    let refused = accounts.confirm(&ann.actor, ann.app.wrong_code(&env)).await;
    assert_eq!(refused.expect_err("the fifth").kind, Kind::Invalid);
    let refused = accounts.confirm(&ann.actor, ann.app.code(&env, 1)).await;
    assert_eq!(refused.expect_err("throttled").kind, Kind::TooMany);
}

async fn administrators_need_one_where_the_policy_says_so(env: TestEnv) {
    let (admin, user) = (
        env.admin().await,
        env.sign_in("user@example.org", Role::User).await,
    );
    let (accounts, policy) = (env.postern.accounts(), env.postern.policy());
    let require = |on| PolicyChange {
        second_factor_for_administrators: Some(on),
        ..PolicyChange::default()
    };
    let refused = policy.save(&admin, require(true)).await;
    let refused = refused.expect_err("has none");
    assert_eq!(refused.kind, Kind::Invalid);
    assert!(
        refused
            .fields
            .contains_key("second_factor_for_administrators")
    );
    assert!(!accounts.lacks_required_factor(&admin).await.expect("asks"));

    let local = Actor::local(0);
    policy.save(&local, require(true)).await.expect("saves");
    let token = NewToken::new("admin@example.org", "app");
    let token = accounts.create_token(&local, token).await.expect("created");
    let token = accounts.token_actor(&token, Origin::default()).await;
    let token = token.expect("asks").expect("a valid token");
    for (actor, lacks) in [
        (&admin, true),
        (&user, false),
        (&token, false),
        (&local, false),
    ] {
        let found = accounts.lacks_required_factor(actor).await;
        assert_eq!(found.expect("asks"), lacks, "{}", actor.name());
    }
    accounts.propose_totp(&admin).await.expect("proposes");
    let setup = accounts.proposed_totp(&admin).await.expect("asks");
    let secret = setup.expect("a secret").secret;
    let app = App(BASE32_NOPAD.decode(secret.as_bytes()).expect("Base32"));
    let confirmed = accounts.confirm_totp(&admin, app.code(&env, 0)).await;
    confirmed.expect("is right");
    let (password, origin) = (SecretString::new(PASSWORD), Origin::default());
    let login = accounts.login("admin@example.org", password, &origin).await;
    let login = login.expect("the password is right");
    let pending = accounts.begin_second_step(&login).await.expect("asks");
    env.pass(STEP);
    let pending = pending.expect("a second factor");
    let login = second_step(&env, &pending, app.code(&env, 0)).await;
    let login = login.expect("in");
    let begun = accounts.begin_session("admin", &login, &origin).await;
    begun.expect("begins");
    let admin = accounts.session_actor("admin", origin).await;
    let admin = admin.expect("asks").expect("is signed in");
    assert!(!accounts.lacks_required_factor(&admin).await.expect("asks"));
    policy.save(&admin, require(false)).await.expect("saves");
    policy.save(&admin, require(true)).await.expect("has one");
}

stories! {
    both {
        a_session_is_confirmed_for_ten_minutes;
        a_session_is_confirmed_with_the_second_factor_where_there_is_one;
        administrators_need_one_where_the_policy_says_so;
    }
}
