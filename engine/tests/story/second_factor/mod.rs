//! Second factors: set-up, the second step of a sign-in, recovery codes, removal.

mod confirmation;
mod passkeys;

use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use domain::account::Role;
use domain::{Kind, Refusal, SecretString};
use engine::{Actor, Login, NewToken, Origin, Postern, SecondFactorView};
use hmac::{Hmac, Mac};
use sha1::Sha1;

use crate::environment::{PASSWORD, TestEnv};

pub const ANN: &str = "ann@example.org";

pub const STEP: Duration = Duration::from_secs(30);

/// An authenticator app.
pub struct App(pub Vec<u8>);

impl App {
    /// The code that the app shows, with its clock ahead by so many steps.
    pub fn code(&self, env: &TestEnv, ahead: i64) -> SecretString {
        let step = env.clock.now().0 / 30_000 + ahead;
        let mut mac = Hmac::<Sha1>::new_from_slice(&self.0).expect("a key");
        mac.update(&step.to_be_bytes());
        let hash = mac.finalize().into_bytes();
        let offset = usize::from(hash[19] & 0xf);
        let word = hash[offset..offset + 4].try_into().expect("four octets");
        let number = u32::from_be_bytes(word) & 0x7fff_ffff;
        SecretString::new(format!("{:06}", number % 1_000_000))
    }

    /// A code that is wrong now and in the steps around.
    pub fn wrong_code(&self, env: &TestEnv) -> SecretString {
        let right: Vec<SecretString> = (-2..=2).map(|ahead| self.code(env, ahead)).collect();
        let candidates = (0..6).map(|number| format!("{number:06}"));
        let mut wrong = candidates.filter(|code| right.iter().all(|right| right.expose() != code));
        SecretString::new(wrong.next().expect("five right ones at most"))
    }
}

/// Ann, with a second factor.
pub struct Ann {
    pub actor: Actor,
    pub app: App,
    pub recovery_codes: Vec<String>,
}

impl Ann {
    pub async fn with_second_factor(env: &TestEnv) -> Self {
        let actor = env.sign_in(ANN, Role::User).await;
        let accounts = env.postern.accounts();
        accounts.propose_totp(&actor).await.expect("proposes");
        let setup = accounts.proposed_totp(&actor).await.expect("asks");
        let secret = setup.expect("a secret").secret;
        let app = App(BASE32_NOPAD.decode(secret.as_bytes()).expect("Base32"));
        let code = app.code(env, 0);
        let recovery_codes = accounts.confirm_totp(&actor, code).await.expect("is right");
        env.pass(STEP);
        Self {
            actor,
            app,
            recovery_codes,
        }
    }
}

pub async fn password(postern: &Postern) -> Login {
    let (password, origin) = (SecretString::new(PASSWORD), Origin::default());
    let login = postern.accounts().login(ANN, password, &origin).await;
    login.expect("the password is right")
}

/// Types the password. Returns what the cookie of the second step holds.
async fn first_step(env: &TestEnv) -> String {
    let login = password(&env.postern).await;
    let begun = env.postern.accounts().begin_second_step(&login).await;
    begun.expect("begins").expect("a second factor")
}

pub async fn second_step(
    env: &TestEnv,
    secret: &str,
    answer: SecretString,
) -> Result<Login, Refusal> {
    let (accounts, origin) = (env.postern.accounts(), Origin::default());
    accounts.second_step(secret, answer, &origin).await
}

/// Both steps, with this answer.
async fn sign_in(env: &TestEnv, answer: SecretString) -> Result<Actor, Refusal> {
    let login = second_step(env, &first_step(env).await, answer).await?;
    let secret = ulid::Ulid::new().to_string();
    let (accounts, origin) = (env.postern.accounts(), Origin::default());
    accounts.begin_session(&secret, &login, &origin).await?;
    let actor = accounts.session_actor(&secret, origin).await?;
    Ok(actor.expect("is signed in"))
}

/// The newest rows of the audit log: who, what, outcome and detail.
pub async fn audited(env: &TestEnv, rows: usize) -> Vec<String> {
    let trail = env.postern.audit().trail(&Actor::local(0), 100).await;
    let trail = trail.expect("lists").into_iter().take(rows);
    trail
        .map(|row| {
            format!(
                "{} {} {} {}",
                row.actor, row.action, row.outcome, row.detail
            )
        })
        .collect()
}

async fn a_second_factor_counts_once_a_code_confirmed_it(env: TestEnv) {
    let (ann, other) = (
        env.sign_in(ANN, Role::User).await,
        env.sign_in(ANN, Role::User).await,
    );
    let accounts = env.postern.accounts();
    assert!(accounts.proposed_totp(&ann).await.expect("asks").is_none());
    let code = SecretString::new("123456");
    let refused = accounts.confirm_totp(&ann, code.clone()).await;
    assert_eq!(
        refused.expect_err("nothing to confirm").kind,
        Kind::Conflict
    );

    accounts.propose_totp(&ann).await.expect("proposes");
    let first = accounts.proposed_totp(&ann).await.expect("asks");
    accounts.propose_totp(&ann).await.expect("proposes another");
    let setup = accounts.proposed_totp(&ann).await.expect("asks");
    let setup = setup.expect("a secret");
    assert_ne!(first.expect("a secret").secret, setup.secret);
    assert!(setup.uri.contains(&setup.secret), "{}", setup.uri);
    assert!(
        setup
            .uri
            .starts_with("otpauth://totp/Postern:ann%40example.org?")
    );
    let login = password(&env.postern).await;
    let second = accounts.begin_second_step(&login).await.expect("asks");
    assert!(second.is_none(), "the password is enough until then");

    let app = App(BASE32_NOPAD
        .decode(setup.secret.as_bytes())
        .expect("Base32"));
    let refused = accounts.confirm_totp(&ann, app.wrong_code(&env)).await;
    assert!(refused.expect_err("wrong").fields.contains_key("code"));
    let codes = accounts.confirm_totp(&ann, app.code(&env, 0)).await;
    let codes = codes.expect("is right");
    assert_eq!(codes.len(), 10);
    let on = SecondFactorView {
        is_on: true,
        has_app: true,
        is_app_lost: false,
        recovery_codes: 10,
    };
    assert_eq!(accounts.second_factor(&ann).await.expect("asks"), on);
    assert_eq!(
        audited(&env, 2).await,
        [
            "ann@example.org set up second factor done own",
            "ann@example.org set up second factor refused (422) code"
        ]
    );
    let sessions = accounts.sessions(&ann).await.expect("lists");
    assert_eq!(sessions.len(), 1, "other sessions have ended");
    drop(other);

    // What was verified by the password alone begins no session any more.
    let origin = Origin::default();
    let begun = accounts.begin_session("late", &login, &origin);
    assert_eq!(begun.await.expect_err("half").kind, Kind::Forbidden);
    let login = password(&env.postern).await;
    let second = accounts.begin_second_step(&login).await.expect("asks");
    assert!(second.is_some());
    let refused = accounts.propose_totp(&ann).await;
    assert_eq!(refused.expect_err("is on").kind, Kind::Conflict);
    let shown = accounts.proposed_totp(&ann).await.expect("asks");
    assert!(shown.is_none(), "the secret is shown no more");
}

async fn a_code_signs_in_once(env: TestEnv) {
    let ann = Ann::with_second_factor(&env).await;
    let code = ann.app.code(&env, 0);
    let pending = first_step(&env).await;
    second_step(&env, &pending, code.clone()).await.expect("in");
    let again = second_step(&env, &pending, ann.app.code(&env, 1)).await;
    assert_eq!(again.expect_err("it is used").kind, Kind::Unauthenticated);
    let refused = sign_in(&env, code).await.expect_err("used");
    assert_eq!(refused.kind, Kind::Unauthenticated);
    assert!(refused.fields.contains_key("code"), "{refused}");
    env.pass(STEP);
    let actor = sign_in(&env, ann.app.code(&env, 0)).await.expect("in");
    assert!(actor.has_second_factor());
    assert_eq!(
        audited(&env, 2).await,
        [
            "ann@example.org login done second factor",
            "ann@example.org login refused (401) code"
        ]
    );
}

async fn a_clock_may_be_a_step_off(env: TestEnv) {
    let ann = Ann::with_second_factor(&env).await;
    for (ahead, right) in [(2, false), (1, true), (-2, false), (-1, true)] {
        // Codes up to the one that was used do not count.
        env.pass(3 * STEP);
        let result = sign_in(&env, ann.app.code(&env, ahead)).await;
        assert_eq!(result.is_ok(), right, "{ahead}");
    }
}

async fn a_recovery_code_signs_in_once(env: TestEnv) {
    let ann = Ann::with_second_factor(&env).await;
    let accounts = env.postern.accounts();
    let left = async || {
        let state = accounts.second_factor(&ann.actor).await;
        state.expect("asks").recovery_codes
    };
    let typed = ann.recovery_codes[3].to_uppercase().replace('-', " ");
    sign_in(&env, SecretString::new(&typed)).await.expect("in");
    assert_eq!(left().await, 9);
    let again = sign_in(&env, SecretString::new(&typed)).await;
    assert_eq!(again.expect_err("used").kind, Kind::Unauthenticated);
    let new = accounts.new_recovery_codes(&ann.actor).await.expect("new");
    assert_eq!(left().await, 10);
    let replaced = SecretString::new(&ann.recovery_codes[4]);
    let refused = sign_in(&env, replaced).await;
    assert_eq!(refused.expect_err("replaced").kind, Kind::Unauthenticated);
    sign_in(&env, SecretString::new(&new[0])).await.expect("in");
    let rows = audited(&env, 2).await;
    assert_eq!(rows[0], "ann@example.org login done recovery code");
    assert_eq!(rows[1], "ann@example.org create recovery codes done own");
}

async fn five_wrong_codes_end_the_sign_in_and_are_throttled(env: TestEnv) {
    let ann = Ann::with_second_factor(&env).await;
    let pending = first_step(&env).await;
    for _ in 0..4 {
        let refused = second_step(&env, &pending, ann.app.wrong_code(&env)).await;
        assert!(refused.expect_err("wrong").fields.contains_key("code"));
    }
    // The right password does not reset the count.
    let other = first_step(&env).await;
    let refused = second_step(&env, &other, ann.app.wrong_code(&env)).await;
    assert_eq!(refused.expect_err("wrong").kind, Kind::Unauthenticated);
    let refused = second_step(&env, &other, ann.app.code(&env, 0)).await;
    let refused = refused.expect_err("throttled");
    assert_eq!(
        (refused.kind, refused.retry_after),
        (Kind::TooMany, Some(1))
    );
    env.pass(Duration::from_secs(2));
    let refused = second_step(&env, &pending, ann.app.wrong_code(&env)).await;
    assert!(refused.expect_err("wrong").fields.contains_key("code"));
    env.pass(Duration::from_secs(3));
    let refused = second_step(&env, &pending, ann.app.code(&env, 0)).await;
    let refused = refused.expect_err("five wrong ones");
    assert_eq!(refused.kind, Kind::Unauthenticated);
    assert!(refused.fields.contains_key("request"), "{refused}");
    let right = second_step(&env, &other, ann.app.code(&env, 0)).await;
    right.expect("the other one has tries left");
    let pending = first_step(&env).await;
    let refused = second_step(&env, &pending, ann.app.wrong_code(&env)).await;
    let refused = refused.expect_err("wrong");
    assert_eq!(refused.kind, Kind::Unauthenticated, "counted from zero");
}

async fn wrong_codes_of_one_account_slow_no_other_down(env: TestEnv) {
    let ann = Ann::with_second_factor(&env).await;
    let _ = env.sign_in("other@example.org", Role::User).await;
    for _ in 0..5 {
        let pending = first_step(&env).await;
        let refused = second_step(&env, &pending, ann.app.wrong_code(&env)).await;
        assert!(refused.is_err());
    }
    let _ = env.sign_in("other@example.org", Role::User).await;
    // The network of the guesses waits, whatever account it tries.
    let from = |address: &str| Origin {
        address: address.parse().ok(),
        ..Origin::default()
    };
    env.pass(Duration::from_secs(120));
    let (accounts, guesser) = (env.postern.accounts(), from("192.0.2.7"));
    for _ in 0..5 {
        let pending = first_step(&env).await;
        let answer = ann.app.wrong_code(&env);
        let refused = accounts.second_step(&pending, answer, &guesser).await;
        assert!(refused.is_err());
        env.pass(Duration::from_secs(60));
    }
    let refused = accounts
        .login("other@example.org", SecretString::new(PASSWORD), &guesser)
        .await;
    // The last failure is a minute ago, and so is its wait.
    refused.expect("waited");
    let pending = first_step(&env).await;
    let answer = ann.app.wrong_code(&env);
    let _ = accounts.second_step(&pending, answer, &guesser).await;
    let refused = accounts
        .login("other@example.org", SecretString::new(PASSWORD), &guesser)
        .await;
    assert_eq!(refused.expect_err("the network").kind, Kind::TooMany);
}

async fn the_second_step_ends_after_five_minutes_and_with_the_password(env: TestEnv) {
    let ann = Ann::with_second_factor(&env).await;
    let ended = |refused: Result<Login, Refusal>| {
        let refused = refused.expect_err("ended");
        assert_eq!(refused.kind, Kind::Unauthenticated);
        assert!(refused.fields.contains_key("request"), "{refused}");
    };
    ended(second_step(&env, "never", ann.app.code(&env, 0)).await);
    ended(second_step(&env, "", ann.app.code(&env, 0)).await);
    let pending = first_step(&env).await;
    env.pass(Duration::from_secs(5 * 60));
    ended(second_step(&env, &pending, ann.app.code(&env, 0)).await);
    let pending = first_step(&env).await;
    let accounts = env.postern.accounts();
    let new = SecretString::new("a new long password");
    let local = Actor::local(0);
    let set = accounts.reset_password(&local, ANN, new, true);
    set.await.expect("is set");
    ended(second_step(&env, &pending, ann.app.code(&env, 0)).await);
}

async fn a_pending_sign_in_is_no_session(env: TestEnv) {
    let ann = Ann::with_second_factor(&env).await;
    let pending = first_step(&env).await;
    let accounts = env.postern.accounts();
    let actor = accounts.session_actor(&pending, Origin::default()).await;
    assert!(actor.expect("asks").is_none());
    assert_eq!(accounts.sessions(&ann.actor).await.expect("lists").len(), 1);
}

async fn of_two_nodes_one_takes_a_code(env: TestEnv) {
    let ann = Ann::with_second_factor(&env).await;
    let other = Postern::open(env.config.clone()).await.expect("opens");
    let [one, two] = [first_step(&env).await, first_step(&env).await];
    let code = ann.app.code(&env, 0);
    let origin = Origin::default();
    let (here, there) = tokio::join!(
        env.postern
            .accounts()
            .second_step(&one, code.clone(), &origin),
        other.accounts().second_step(&two, code, &origin),
    );
    assert_eq!(
        [here.is_ok(), there.is_ok()]
            .iter()
            .filter(|ok| **ok)
            .count(),
        1
    );
    other.close().await;
}

async fn a_second_factor_is_removed_by_its_account_or_an_administrator(env: TestEnv) {
    let ann = Ann::with_second_factor(&env).await;
    let accounts = env.postern.accounts();
    let eve = env.sign_in("eve@example.org", Role::User).await;
    let refused = accounts.remove_second_factor(&eve, ANN).await;
    assert_eq!(refused.expect_err("a user").kind, Kind::Forbidden);
    let _ = env.admin().await;
    let local = Actor::local(0);
    let app = accounts.create_token(&local, NewToken::new("admin@example.org", "app"));
    let app = env.holder(&app.await.expect("made")).await.expect("valid");
    let refused = accounts.remove_second_factor(&app, ANN).await;
    assert_eq!(refused.expect_err("a token").kind, Kind::Forbidden);
    let refused = accounts.remove_own_second_factor(&eve).await;
    assert_eq!(refused.expect_err("has none").kind, Kind::Conflict);

    let removed = accounts.remove_own_second_factor(&ann.actor).await;
    removed.expect("removes");
    let login = password(&env.postern).await;
    let second = accounts.begin_second_step(&login).await.expect("asks");
    assert!(second.is_none());
    let off = SecondFactorView {
        is_on: false,
        has_app: false,
        is_app_lost: false,
        recovery_codes: 0,
    };
    assert_eq!(accounts.second_factor(&ann.actor).await.expect("asks"), off);

    let _ = Ann::with_second_factor(&env).await;
    let removed = accounts
        .remove_second_factor(&local, "Ann@example.org")
        .await;
    removed.expect("removes");
    assert_eq!(
        audited(&env, 1).await,
        ["uid 0 remove second factor done ann@example.org"]
    );
    let login = password(&env.postern).await;
    assert!(
        accounts
            .begin_second_step(&login)
            .await
            .expect("asks")
            .is_none()
    );
    let refused = accounts.remove_second_factor(&local, ANN).await;
    assert_eq!(refused.expect_err("has none").kind, Kind::Conflict);
    let refused = accounts
        .remove_second_factor(&local, "nobody@example.org")
        .await;
    assert_eq!(refused.expect_err("nobody").kind, Kind::NotFound);
}

async fn a_secret_is_sealed_for_its_account(env: TestEnv) {
    let ann = Ann::with_second_factor(&env).await;
    let secret = BASE32_NOPAD.encode(&ann.app.0);
    let mut connection = env.connection().await;
    let query = sqlx::query_scalar("SELECT secret FROM totp");
    let stored: String = query.fetch_one(&mut connection).await.expect("a row");
    assert!(!stored.contains(&secret));
    let query = sqlx::query_scalar("SELECT digest FROM recovery_code");
    let digests: Vec<String> = query.fetch_all(&mut connection).await.expect("rows");
    assert_eq!(digests.len(), 10);
    let bare = |code: &String| code.replace('-', "");
    assert!(
        !ann.recovery_codes
            .iter()
            .map(bare)
            .any(|code| digests.contains(&code))
    );

    // A secret that is moved to the row of another account does not open there.
    let _ = env.sign_in("eve@example.org", Role::User).await;
    env.tamper(
        "UPDATE totp SET account_id = (SELECT id FROM account WHERE email = 'eve@example.org')",
    )
    .await;
    let accounts = env.postern.accounts();
    let (password, origin) = (SecretString::new(PASSWORD), Origin::default());
    let login = accounts.login("eve@example.org", password, &origin).await;
    let pending = accounts.begin_second_step(&login.expect("in")).await;
    let pending = pending.expect("begins").expect("a second factor");
    let refused = second_step(&env, &pending, ann.app.code(&env, 0)).await;
    assert_eq!(refused.expect_err("sealed").kind, Kind::Unavailable);
}

stories! {
    both {
        a_second_factor_counts_once_a_code_confirmed_it;
        a_code_signs_in_once;
        a_clock_may_be_a_step_off;
        a_recovery_code_signs_in_once;
        five_wrong_codes_end_the_sign_in_and_are_throttled;
        wrong_codes_of_one_account_slow_no_other_down;
        the_second_step_ends_after_five_minutes_and_with_the_password;
        a_pending_sign_in_is_no_session;
        of_two_nodes_one_takes_a_code;
        a_second_factor_is_removed_by_its_account_or_an_administrator;
        a_secret_is_sealed_for_its_account;
    }
}
