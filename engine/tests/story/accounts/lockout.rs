//! Guesses from elsewhere: they keep no person out, and do not fill the queue of hashing.

use std::time::Duration;

use domain::account::Role;
use domain::{Kind, SecretString};
use engine::{Actor, Origin};
use futures::future::join_all;

use crate::environment::{PASSWORD, TestEnv};

const ADMIN: &str = "admin@example.org";

fn from(address: String) -> Origin {
    Origin {
        address: address.parse().ok(),
        ..Origin::default()
    }
}

impl TestEnv {
    async fn log_in(&self, email: &str, password: &str, origin: &Origin) -> Result<String, Kind> {
        let accounts = self.postern.accounts();
        let login = accounts.login(email, SecretString::new(password), origin);
        let login = login.await.map_err(|refusal| refusal.kind)?;
        Ok(accounts.device_cookie(&login, origin))
    }

    /// Guesses the administrator's password from a new network each time, until the wait is a minute:
    /// shorter ones can end during a story on a slow machine.
    async fn guess_until_throttled(&self) {
        let mut throttled = 0;
        for network in 0..50 {
            let origin = from(format!("198.51.{network}.7"));
            if self.log_in(ADMIN, "wrong", &origin).await == Err(Kind::TooMany) {
                throttled += 1;
                if throttled == 7 {
                    return;
                }
                self.pass(Duration::from_secs(60));
            }
        }
        panic!("never throttled");
    }
}

async fn guesses_elsewhere_do_not_keep_out_a_browser_that_signed_in_before(env: TestEnv) {
    let admin = env.admin().await;
    let _ = env.sign_in("other@example.org", Role::User).await;
    let home = from("192.0.2.7".to_owned());
    let device = env.log_in(ADMIN, PASSWORD, &home).await.expect("signs in");
    let device = Origin {
        device: Some(device),
        ..home.clone()
    };
    // A cookie names every account that signed in with the browser.
    let both = env.log_in("other@example.org", PASSWORD, &device).await;
    let both = Origin {
        device: Some(both.expect("signs in")),
        ..home.clone()
    };
    let other = env.log_in("other@example.org", PASSWORD, &home).await;
    let other = Origin {
        device: Some(other.expect("signs in")),
        ..home.clone()
    };
    env.guess_until_throttled().await;
    assert_eq!(env.log_in(ADMIN, PASSWORD, &home).await, Err(Kind::TooMany));
    assert_eq!(
        env.log_in(ADMIN, PASSWORD, &other).await,
        Err(Kind::TooMany)
    );
    for device in [&device, &both] {
        env.log_in(ADMIN, PASSWORD, device)
            .await
            .expect("is not kept out");
    }
    let new = "a new long password";
    let changed = env.postern.accounts().change_password(
        &admin,
        SecretString::new(PASSWORD),
        SecretString::new(new),
    );
    let changed = changed.await.expect("is not kept out");
    let device = Origin {
        device: Some(env.postern.accounts().device_cookie(&changed, &device)),
        ..home
    };
    env.log_in(ADMIN, new, &device)
        .await
        .expect("knows the new password");
    // Its own guesses count.
    let mut refused = Vec::new();
    for _ in 0..10 {
        refused.push(
            env.log_in(ADMIN, "wrong", &device)
                .await
                .expect_err("wrong"),
        );
    }
    assert!(refused.contains(&Kind::TooMany), "{refused:?}");
}

/// Signs in with a browser, then throttles the account by guesses from elsewhere. Returns the origin of
/// the browser.
async fn known_browser(env: &TestEnv) -> Origin {
    let home = from("192.0.2.7".to_owned());
    let device = env.log_in(ADMIN, PASSWORD, &home).await.expect("signs in");
    env.guess_until_throttled().await;
    let refused = env.log_in(ADMIN, PASSWORD, &home).await;
    assert_eq!(refused, Err(Kind::TooMany));
    Origin {
        device: Some(device),
        ..home
    }
}

async fn a_browser_is_known_until_the_password_is_set(env: TestEnv) {
    let _ = env.admin().await;
    let device = known_browser(&env).await;
    env.log_in(ADMIN, PASSWORD, &device)
        .await
        .expect("is known");
    let accounts = env.postern.accounts();
    // The same password again is a new one.
    let (operator, again) = (Actor::local(0), SecretString::new(PASSWORD));
    let set = accounts.reset_password(&operator, ADMIN, again, true);
    set.await.expect("is set");
    let refused = env.log_in(ADMIN, PASSWORD, &device).await;
    assert_eq!(refused, Err(Kind::TooMany));
}

async fn a_browser_is_known_for_90_days(env: TestEnv) {
    let _ = env.admin().await;
    let begun = known_browser(&env).await;
    env.pass(Duration::from_secs(60 * 86_400));
    env.guess_until_throttled().await;
    let renewed = env.log_in(ADMIN, PASSWORD, &begun).await;
    let renewed = Origin {
        device: Some(renewed.expect("is known")),
        ..begun.clone()
    };
    env.pass(Duration::from_secs(30 * 86_400));
    env.guess_until_throttled().await;
    let refused = env.log_in(ADMIN, PASSWORD, &begun).await;
    assert_eq!(refused, Err(Kind::TooMany));
    env.log_in(ADMIN, PASSWORD, &renewed)
        .await
        .expect("is known since its last sign-in");
}

async fn networks_of_one_site_are_counted_together(env: TestEnv) {
    let mut refused = Vec::new();
    for number in 0..20 {
        let origin = from(format!("2001:db8:7:{number}::1"));
        let email = format!("a{number}@example.org");
        refused.push(
            env.log_in(&email, "wrong", &origin)
                .await
                .expect_err("wrong"),
        );
    }
    assert_eq!(refused[..5], [Kind::Unauthenticated; 5]);
    assert!(refused.contains(&Kind::TooMany), "{refused:?}");
}

async fn a_full_queue_of_hashing_refuses_unknown_browsers(env: TestEnv) {
    let env = env.with_recommended_hashes().await;
    let _ = env.admin().await;
    let home = from("192.0.2.7".to_owned());
    let device = env.log_in(ADMIN, PASSWORD, &home).await.expect("signs in");
    let device = Origin {
        device: Some(device),
        ..home
    };
    let guess = async |number: usize| {
        let origin = from(format!("198.51.{number}.7"));
        let email = format!("a{number}@example.org");
        let accounts = env.postern.accounts();
        let wrong = SecretString::new("wrong");
        accounts
            .login(&email, wrong, &origin)
            .await
            .expect_err("wrong")
    };
    let guesses = join_all((0..200).map(guess));
    let known = env.log_in(ADMIN, PASSWORD, &device);
    let (refused, known) = tokio::join!(guesses, known);
    known.expect("is not kept out");
    let busy = |refusal: &&domain::Refusal| refusal.kind == Kind::Unavailable;
    let busy: Vec<_> = refused.iter().filter(busy).collect();
    assert!(busy.len() > 50, "{}", busy.len());
    assert!(busy.iter().all(|refusal| refusal.retry_after == Some(2)));
    let others = refused
        .iter()
        .filter(|refusal| refusal.kind != Kind::Unavailable);
    assert!(
        others
            .clone()
            .all(|refusal| refusal.kind == Kind::Unauthenticated)
    );
    assert!(others.count() >= 64);
}

async fn one_account_keeps_no_known_browser_of_another_out(env: TestEnv) {
    let env = env.with_recommended_hashes().await;
    let _ = env.admin().await;
    let user = env.sign_in("user@example.org", Role::User).await;
    let home = from("192.0.2.7".to_owned());
    let known = async |email: &str| {
        let device = env.log_in(email, PASSWORD, &home).await.expect("signs in");
        Origin {
            device: Some(device),
            ..home.clone()
        }
    };
    let (admins, users) = (known(ADMIN).await, known("user@example.org").await);
    let accounts = env.postern.accounts();
    let flood = join_all((0..24).map(async |_| {
        let login = accounts.login("user@example.org", SecretString::new(PASSWORD), &users);
        login.await.err()
    }));
    let change = join_all((0..24).map(async |_| {
        let (current, weak) = (
            SecretString::new(PASSWORD),
            SecretString::new("aaaaaaaaaaaa"),
        );
        accounts.change_password(&user, current, weak).await.err()
    }));
    let known = env.log_in(ADMIN, PASSWORD, &admins);
    let (refused, changed, known) = tokio::join!(flood, change, known);
    known.expect("is not kept out");
    for (refused, what) in [(refused, "sign-ins"), (changed, "changes of the password")] {
        let busy = refused.iter().flatten().filter(|refusal| {
            refusal.kind == Kind::TooMany && refusal.retry_after.is_some_and(|wait| wait > 0)
        });
        assert!(busy.count() >= 10, "{what}: {refused:?}");
    }
}

async fn an_account_signs_in_20_times_a_minute_from_a_network(env: TestEnv) {
    let _ = env.admin().await;
    env.pass(Duration::from_secs(61));
    let [home, away] = ["192.0.2.7", "198.51.100.7"].map(|address| from(address.to_owned()));
    let mut device = home.clone();
    for _ in 0..20 {
        let cookie = env.log_in(ADMIN, PASSWORD, &device).await.expect("in");
        device.device = Some(cookie);
    }
    for origin in [&home, &device] {
        let refused = env.log_in(ADMIN, PASSWORD, origin).await;
        assert_eq!(refused.err(), Some(Kind::TooMany));
    }
    env.log_in(ADMIN, PASSWORD, &away).await.expect("elsewhere");
    env.pass(Duration::from_secs(60));
    env.log_in(ADMIN, PASSWORD, &home).await.expect("later");
}

async fn an_account_has_at_most_50_sessions(env: TestEnv) {
    let _ = env.admin().await;
    let other = env.sign_in("other@example.org", Role::User).await;
    let (accounts, origin) = (env.postern.accounts(), Origin::default());
    let login = accounts.login(ADMIN, SecretString::new(PASSWORD), &origin);
    let login = login.await.expect("signs in");
    for number in 0..50 {
        env.pass(Duration::from_secs(1));
        let secret = format!("secret {number}");
        let begun = accounts.begin_session(&secret, &login, &origin).await;
        begun.expect("begins");
        let current = accounts.session_actor(&secret, origin.clone()).await;
        assert!(current.expect("asks").is_some(), "the newest, {number}");
    }
    let last = accounts.session_actor("secret 49", origin.clone()).await;
    let last = last.expect("asks").expect("is signed in");
    assert_eq!(accounts.sessions(&last).await.expect("lists").len(), 50);
    let first = accounts.session_actor("secret 0", origin.clone()).await;
    assert!(first.expect("asks").is_some(), "the second of 51");
    let listed = accounts.sessions(&last).await.expect("lists");
    let oldest = listed.iter().map(|session| session.begun).min();
    let own = accounts.sessions(&other).await.expect("lists");
    assert_eq!(own.len(), 1, "of another account");
    assert!(oldest > own.first().map(|session| session.begun));
}

stories! {
    both {
        one_account_keeps_no_known_browser_of_another_out;
        an_account_signs_in_20_times_a_minute_from_a_network;
        an_account_has_at_most_50_sessions;
        guesses_elsewhere_do_not_keep_out_a_browser_that_signed_in_before;
        a_browser_is_known_until_the_password_is_set;
        a_browser_is_known_for_90_days;
        networks_of_one_site_are_counted_together;
        a_full_queue_of_hashing_refuses_unknown_browsers;
    }
}
