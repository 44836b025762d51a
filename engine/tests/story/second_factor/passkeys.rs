//! Passkeys: registration, sign-in, confirmation, and what hostile pages and copies send.

use std::fmt::Debug;
use std::time::Duration;

use domain::account::Role;
use domain::account::policy::PolicyChange;
use domain::{Kind, Refusal, SecretString};
use engine::{Actor, Login, Origin, Postern};
use serde_json::Value;
use testkit::authenticator::Authenticator;

use crate::environment::{PASSWORD, TestEnv};
use crate::second_factor::{ANN, audited};

const EVE: &str = "eve@example.org";

const HOST: &str = "gate.example";

const URL: &str = "https://gate.example";

const MINUTE: Duration = Duration::from_secs(60);

fn authenticator() -> Authenticator {
    Authenticator::new(HOST, URL)
}

/// The challenge in the options for a browser.
fn challenge(options: Option<String>) -> String {
    let options: Value = serde_json::from_str(&options.expect("offered")).expect("JSON");
    let challenge = options["challenge"].as_str();
    challenge.expect("a challenge").to_owned()
}

/// Another Postern on the database, with a public URL that allows passkeys.
async fn with_passkeys(env: &TestEnv) -> Postern {
    let config = engine::Config {
        public_url: URL.to_owned(),
        ..env.config.clone()
    };
    Postern::open(config).await.expect("opens")
}

/// Adds a passkey. Returns the recovery codes, which the first one brings.
async fn add(
    postern: &Postern,
    actor: &Actor,
    it: &mut Authenticator,
) -> Result<Option<Vec<String>>, Refusal> {
    let accounts = postern.accounts();
    let options = accounts.new_passkey_options(actor).await?;
    let answer = it.register(&challenge(options));
    accounts.add_passkey(actor, "my key", &answer).await
}

/// An account with a passkey and nothing else.
async fn person(env: &TestEnv, postern: &Postern, email: &str) -> (Actor, Authenticator) {
    let actor = env.sign_in(email, Role::User).await;
    let mut key = authenticator();
    add(postern, &actor, &mut key).await.expect("added");
    (actor, key)
}

/// Types the password. Returns what the cookie of the second step holds.
async fn first_step(postern: &Postern, email: &str) -> String {
    let (password, origin) = (SecretString::new(PASSWORD), Origin::default());
    let login = postern.accounts().login(email, password, &origin).await;
    let login = login.expect("the password is right");
    let begun = postern.accounts().begin_second_step(&login).await;
    begun.expect("begins").expect("a second factor")
}

/// Opens the page of the second step. Returns its challenge.
async fn page(postern: &Postern, pending: &str) -> String {
    let choices = postern.accounts().second_step_choices(pending).await;
    challenge(choices.expect("asks").expect("has not ended").passkey)
}

async fn second_step(postern: &Postern, pending: &str, answer: &str) -> Result<Login, Refusal> {
    let (answer, origin) = (SecretString::new(answer), Origin::default());
    let accounts = postern.accounts();
    accounts.second_step(pending, answer, &origin).await
}

/// Signs in with a passkey.
async fn sign_in(
    postern: &Postern,
    email: &str,
    key: &mut Authenticator,
) -> Result<Login, Refusal> {
    let pending = first_step(postern, email).await;
    let answer = key.sign(&page(postern, &pending).await);
    second_step(postern, &pending, &answer).await
}

async fn session(postern: &Postern, login: &Login) -> Actor {
    let (secret, origin) = (ulid::Ulid::new().to_string(), Origin::default());
    let accounts = postern.accounts();
    let begun = accounts.begin_session(&secret, login, &origin).await;
    begun.expect("begins");
    let actor = accounts.session_actor(&secret, origin).await;
    actor.expect("asks").expect("is signed in")
}

fn refused<T: Debug>(result: Result<T, Refusal>, kind: Kind, field: &str) {
    let refusal = result.expect_err("refused");
    assert_eq!(refusal.kind, kind, "{refusal}");
    assert!(refusal.fields.contains_key(field), "{refusal}");
}

async fn a_passkey_signs_in(env: TestEnv) {
    let postern = with_passkeys(&env).await;
    let accounts = postern.accounts();
    let other = env.sign_in(ANN, Role::User).await;
    let ann = env.sign_in(ANN, Role::User).await;
    let mut first = authenticator();
    let codes = add(&postern, &ann, &mut first).await.expect("added");
    assert_eq!(codes.expect("it is the first").len(), 10);
    let sessions = accounts.sessions(&ann).await.expect("lists");
    assert_eq!(sessions.len(), 1, "other sessions have ended");
    drop(other);
    let mut second = authenticator().with_ed25519();
    second.sign_count = None;
    let codes = add(&postern, &ann, &mut second).await.expect("added");
    assert!(codes.is_none(), "the earlier ones stay");
    assert_eq!(
        audited(&env, 2).await,
        ["ann@example.org set up second factor done own passkey"; 2]
    );
    let state = accounts.second_factor(&ann).await.expect("asks");
    assert!(state.is_on && !state.has_app && state.recovery_codes == 10);

    let listed = accounts.passkeys(&ann).await.expect("lists");
    assert!(listed.iter().all(|passkey| passkey.last_used_at.is_none()));
    env.pass(MINUTE);
    for _ in 0..2 {
        for key in [&mut first, &mut second] {
            let login = sign_in(&postern, ANN, key).await.expect("in");
            assert!(session(&postern, &login).await.has_second_factor());
        }
    }
    assert_eq!(
        audited(&env, 1).await,
        ["ann@example.org login done passkey"]
    );
    let listed = accounts.passkeys(&ann).await.expect("lists");
    for passkey in &listed {
        assert!(passkey.last_used_at >= Some(passkey.created_at + MINUTE));
    }
    let same = add(&postern, &ann, &mut first).await;
    assert_eq!(same.expect_err("known").kind, Kind::Conflict);
    let nameless = accounts.add_passkey(&ann, " ", "{}").await;
    refused(nameless, Kind::Invalid, "name");
    postern.close().await;
}

async fn an_assertion_of_another_page_or_account_is_refused(env: TestEnv) {
    let postern = with_passkeys(&env).await;
    let (_, mut key) = person(&env, &postern, ANN).await;
    let (_, mut hers) = person(&env, &postern, EVE).await;
    let hostile: [fn(&mut Authenticator); 5] = [
        |it| "https://gate.example.evil.example".clone_into(&mut it.origin),
        |it| "http://gate.example".clone_into(&mut it.origin),
        |it| "evil.example".clone_into(&mut it.relying_party),
        |it| it.cross_origin = true,
        |it| it.user_present = false,
    ];
    for change in hostile {
        env.pass(2 * MINUTE);
        change(&mut key);
        let result = sign_in(&postern, ANN, &mut key).await;
        refused(result, Kind::Unauthenticated, "passkey");
        URL.clone_into(&mut key.origin);
        HOST.clone_into(&mut key.relying_party);
        (key.cross_origin, key.user_present) = (false, true);
    }
    env.pass(2 * MINUTE);
    let result = sign_in(&postern, ANN, &mut hers).await;
    refused(result, Kind::Unauthenticated, "passkey");
    env.pass(2 * MINUTE);
    sign_in(&postern, ANN, &mut key).await.expect("in");
    postern.close().await;
}

async fn a_challenge_is_answered_once_and_where_it_was_issued(env: TestEnv) {
    let postern = with_passkeys(&env).await;
    let (ann, mut key) = person(&env, &postern, ANN).await;
    let (_, mut hers) = person(&env, &postern, EVE).await;
    let pending = first_step(&postern, ANN).await;
    let answer = key.sign(&page(&postern, &pending).await);
    second_step(&postern, &pending, &answer).await.expect("in");
    let again = second_step(&postern, &pending, &answer).await;
    refused(again, Kind::Unauthenticated, "request");

    // Each is right but for its challenge.
    let pending = first_step(&postern, ANN).await;
    let challenge = page(&postern, &pending).await;
    let replayed = second_step(&postern, &pending, &answer).await;
    refused(replayed, Kind::Unauthenticated, "passkey");
    let used_up = second_step(&postern, &pending, &key.sign(&challenge)).await;
    refused(used_up, Kind::Unauthenticated, "passkey");
    let of_session = postern.accounts().confirmation_choices(&ann).await;
    let of_session = self::challenge(of_session.expect("asks").passkey);
    page(&postern, &pending).await;
    let elsewhere = second_step(&postern, &pending, &key.sign(&of_session)).await;
    refused(elsewhere, Kind::Unauthenticated, "passkey");
    env.pass(2 * MINUTE);
    let of_eve = first_step(&postern, EVE).await;
    let of_eve_challenge = page(&postern, &of_eve).await;
    page(&postern, &pending).await;
    let answer = key.sign(&of_eve_challenge);
    let of_another = second_step(&postern, &pending, &answer).await;
    refused(of_another, Kind::Unauthenticated, "passkey");

    // What was refused above did not use up the challenge of another sign-in.
    let answer = hers.sign(&of_eve_challenge);
    second_step(&postern, &of_eve, &answer).await.expect("in");
    let unknown = postern.accounts().second_step_choices("never").await;
    assert!(unknown.expect("asks").is_none());
    postern.close().await;
}

async fn a_challenge_can_be_answered_for_five_minutes(env: TestEnv) {
    let postern = with_passkeys(&env).await;
    let accounts = postern.accounts();
    let (ann, mut key) = person(&env, &postern, ANN).await;
    for (minutes, in_time) in [(4, true), (5, false)] {
        let choices = accounts.confirmation_choices(&ann).await.expect("asks");
        let challenge = challenge(choices.passkey);
        env.pass(minutes * MINUTE);
        let answer = SecretString::new(key.sign(&challenge));
        let confirmed = accounts.confirm(&ann, answer).await;
        match in_time {
            true => confirmed.expect("in time"),
            false => refused(confirmed, Kind::Invalid, "passkey"),
        }
    }
    postern.close().await;
}

async fn of_two_nodes_one_takes_an_assertion(env: TestEnv) {
    let postern = with_passkeys(&env).await;
    let other = with_passkeys(&env).await;
    let (_, mut key) = person(&env, &postern, ANN).await;
    let pending = first_step(&postern, ANN).await;
    let answer = key.sign(&page(&postern, &pending).await);
    let (here, there) = tokio::join!(
        second_step(&postern, &pending, &answer),
        second_step(&other, &pending, &answer),
    );
    assert_ne!(here.is_ok(), there.is_ok());
    other.close().await;
    postern.close().await;
}

async fn a_counter_that_does_not_go_up_is_refused_and_audited(env: TestEnv) {
    let postern = with_passkeys(&env).await;
    let (_, mut key) = person(&env, &postern, ANN).await;
    for (count, right) in [
        (Some(20), true),
        (Some(15), false),
        (Some(20), false),
        (None, false),
        (Some(21), true),
    ] {
        env.pass(2 * MINUTE);
        // It goes up by one before the signature, and is sent as 0 where there is none.
        key.sign_count = count.map(|count| count - 1);
        let result = sign_in(&postern, ANN, &mut key).await;
        if right {
            result.expect("in");
            continue;
        }
        refused(result, Kind::Unauthenticated, "passkey");
        let mut rows = audited(&env, 2).await;
        rows.sort();
        assert_eq!(
            rows,
            [
                "ann@example.org login refused (401) passkey",
                "ann@example.org refuse copied passkey done my key",
            ]
        );
    }
    postern.close().await;
}

async fn a_registration_answers_a_challenge_of_its_session(env: TestEnv) {
    let postern = with_passkeys(&env).await;
    let accounts = postern.accounts();
    let ann = env.sign_in(ANN, Role::User).await;
    let eve = env.sign_in(EVE, Role::User).await;
    let mut key = authenticator();
    let options = async |actor: &Actor| {
        let options = accounts.new_passkey_options(actor).await;
        challenge(options.expect("asks"))
    };
    let of_eve = options(&eve).await;
    let earlier = options(&ann).await;
    for wrong in [&of_eve, &earlier] {
        // The newest challenge is used up by the wrong answer.
        options(&ann).await;
        let answer = key.register(wrong);
        let result = accounts.add_passkey(&ann, "key", &answer).await;
        refused(result, Kind::Invalid, "passkey");
    }
    "https://evil.example".clone_into(&mut key.origin);
    let answer = key.register(&options(&ann).await);
    let result = accounts.add_passkey(&ann, "key", &answer).await;
    refused(result, Kind::Invalid, "passkey");
    URL.clone_into(&mut key.origin);

    let newest = options(&ann).await;
    env.pass(4 * MINUTE);
    let answer = key.register(&newest);
    let added = accounts.add_passkey(&ann, "key", &answer).await;
    added.expect("the newest");
    let again = accounts.add_passkey(&ann, "key", &answer).await;
    refused(again, Kind::Invalid, "passkey");
    let late = options(&eve).await;
    env.pass(5 * MINUTE);
    let answer = authenticator().register(&late);
    let result = accounts.add_passkey(&eve, "key", &answer).await;
    refused(result, Kind::Invalid, "passkey");
    env.pass(MINUTE);
    // Ten minutes after the sign-in.
    for result in [
        accounts.new_passkey_options(&eve).await.map(|_| ()),
        accounts.add_passkey(&eve, "key", "{}").await.map(|_| ()),
    ] {
        let refusal = result.expect_err("not confirmed recently");
        assert_eq!(refusal.kind, Kind::Forbidden);
    }
    postern.close().await;
}

async fn a_session_is_confirmed_with_a_passkey_which_is_then_removed(env: TestEnv) {
    let postern = with_passkeys(&env).await;
    let accounts = postern.accounts();
    let (_, mut key) = person(&env, &postern, ANN).await;
    let id = key.id();
    let login = sign_in(&postern, ANN, &mut key).await.expect("in");
    let ann = session(&postern, &login).await;
    env.pass(10 * MINUTE);
    let result = accounts.remove_passkey(&ann, &id).await;
    assert_eq!(result.expect_err("too old").kind, Kind::Forbidden);
    let choices = accounts.confirmation_choices(&ann).await.expect("asks");
    let answer = SecretString::new(key.sign(&challenge(choices.passkey)));
    let confirmed = accounts.confirm(&ann, answer.clone()).await;
    confirmed.expect("confirmed");
    assert_eq!(
        audited(&env, 1).await,
        ["ann@example.org confirm session done passkey"]
    );
    refused(
        accounts.confirm(&ann, answer).await,
        Kind::Invalid,
        "passkey",
    );

    // The session as it is after a new sign-in.
    let login = sign_in(&postern, ANN, &mut key).await.expect("in");
    let ann = session(&postern, &login).await;
    for unknown in ["none\0", ""] {
        let result = accounts.remove_passkey(&ann, unknown).await;
        assert_eq!(result.expect_err("unknown").kind, Kind::NotFound);
    }
    let (eve, _) = person(&env, &postern, EVE).await;
    let result = accounts.remove_passkey(&eve, &id).await;
    assert_eq!(result.expect_err("of another").kind, Kind::NotFound);
    assert_eq!(accounts.passkeys(&ann).await.expect("lists").len(), 1);
    accounts.remove_passkey(&ann, &id).await.expect("removed");
    assert_eq!(
        audited(&env, 1).await,
        ["ann@example.org remove second factor done own passkey"]
    );
    let state = accounts.second_factor(&ann).await.expect("asks");
    assert!(!state.is_on && state.recovery_codes == 0);
    postern.close().await;
}

async fn recovery_codes_work_with_passkeys_alone(env: TestEnv) {
    let postern = with_passkeys(&env).await;
    let ann = env.sign_in(ANN, Role::User).await;
    let added = add(&postern, &ann, &mut authenticator()).await;
    let codes = added.expect("added").expect("it is the first");
    let pending = first_step(&postern, ANN).await;
    let choices = postern.accounts().second_step_choices(&pending).await;
    assert!(!choices.expect("asks").expect("has not ended").has_app);
    let wrong = second_step(&postern, &pending, "123456").await;
    refused(wrong, Kind::Unauthenticated, "code");
    second_step(&postern, &pending, &codes[0])
        .await
        .expect("in");
    let pending = first_step(&postern, ANN).await;
    let used = second_step(&postern, &pending, &codes[0]).await;
    refused(used, Kind::Unauthenticated, "code");
    postern.close().await;
}

async fn passkeys_count_for_the_policy_and_go_with_the_second_factor(env: TestEnv) {
    let postern = with_passkeys(&env).await;
    let accounts = postern.accounts();
    let admin = env.admin().await;
    let require = PolicyChange {
        second_factor_for_administrators: Some(true),
        ..PolicyChange::default()
    };
    let saved = postern.policy().save(&Actor::local(0), require).await;
    saved.expect("saves");
    assert!(accounts.lacks_required_factor(&admin).await.expect("asks"));
    let mut key = authenticator();
    add(&postern, &admin, &mut key).await.expect("added");
    let email = "admin@example.org";
    let login = sign_in(&postern, email, &mut key).await.expect("in");
    let admin = session(&postern, &login).await;
    assert!(!accounts.lacks_required_factor(&admin).await.expect("asks"));

    let (ann, _) = person(&env, &postern, ANN).await;
    let removed = accounts.remove_second_factor(&admin, ANN).await;
    removed.expect("removes");
    assert!(accounts.passkeys(&ann).await.expect("lists").is_empty());
    let (password, origin) = (SecretString::new(PASSWORD), Origin::default());
    let login = accounts.login(ANN, password, &origin).await.expect("in");
    let second = accounts.begin_second_step(&login).await.expect("asks");
    assert!(second.is_none(), "the password is enough again");
    postern.close().await;
}

async fn an_account_has_at_most_ten_passkeys(env: TestEnv) {
    let postern = with_passkeys(&env).await;
    let accounts = postern.accounts();
    let (ann, _) = person(&env, &postern, ANN).await;
    for _ in 1..10 {
        add(&postern, &ann, &mut authenticator())
            .await
            .expect("added");
    }
    let options = accounts.new_passkey_options(&ann).await.expect("asks");
    assert_eq!(options, None);
    let choices = accounts.confirmation_choices(&ann).await.expect("asks");
    let answer = authenticator().register(&challenge(choices.passkey));
    let result = accounts.add_passkey(&ann, "key", &answer).await;
    assert_eq!(result.expect_err("the eleventh").kind, Kind::Conflict);
    let first = accounts.passkeys(&ann).await.expect("lists").remove(0);
    accounts
        .remove_passkey(&ann, &first.id)
        .await
        .expect("removed");
    add(&postern, &ann, &mut authenticator())
        .await
        .expect("added");
    postern.close().await;
}

async fn passkeys_are_not_offered_at_a_plain_address(env: TestEnv) {
    let ann = env.sign_in(ANN, Role::User).await;
    let accounts = env.postern.accounts();
    assert!(!accounts.offers_passkeys());
    let options = accounts.new_passkey_options(&ann).await;
    assert_eq!(options.expect("asks"), None);
    let answer = authenticator().register("YQ");
    let result = accounts.add_passkey(&ann, "key", &answer).await;
    refused(result, Kind::Invalid, "passkey");
}

stories! {
    both {
        a_passkey_signs_in;
        an_assertion_of_another_page_or_account_is_refused;
        a_challenge_is_answered_once_and_where_it_was_issued;
        a_challenge_can_be_answered_for_five_minutes;
        of_two_nodes_one_takes_an_assertion;
        a_counter_that_does_not_go_up_is_refused_and_audited;
        a_registration_answers_a_challenge_of_its_session;
        a_session_is_confirmed_with_a_passkey_which_is_then_removed;
        recovery_codes_work_with_passkeys_alone;
        passkeys_count_for_the_policy_and_go_with_the_second_factor;
        an_account_has_at_most_ten_passkeys;
        passkeys_are_not_offered_at_a_plain_address;
    }
}
