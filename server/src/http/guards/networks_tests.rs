//! Tests of the networks of administrators, over the router and with addresses that a proxy names.

use app::account::CREATE_TOKEN;
use app::entrance::LOGOUT;
use app::policy::{POLICY, POLICY_NETWORKS};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use domain::SecretString;
use domain::account::Role;
use engine::{Actor, NetworksChange, NewToken};

use crate::http::test_browser::{PASSWORD, TestBrowser};

const ADMIN: &str = "admin@example.org";
const USER: &str = "user@example.org";
const OFFICE: &str = "192.0.2.7";
const ELSEWHERE: &str = "203.0.113.9";

/// A browser of an administrator, who may come from the office only.
async fn limited() -> TestBrowser {
    let browser = TestBrowser::signed_in().await;
    let (operator, accounts) = (Actor::local(0), browser.postern.accounts());
    let password = SecretString::new(PASSWORD);
    let created = accounts.create(&operator, USER, Role::User, password);
    created.await.expect("an account");
    let change = NetworksChange {
        networks: vec!["192.0.2.0/24".to_owned()],
        ..NetworksChange::default()
    };
    let set = accounts.set_administrator_networks(&operator, change);
    set.await.expect("sets");
    browser
}

async fn token(browser: &TestBrowser, email: &str, scopes: &[&str]) -> String {
    let new = NewToken {
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        ..NewToken::new(email, "app")
    };
    let (accounts, local) = (browser.postern.accounts(), Actor::local(0));
    let created = accounts.create_token(&local, new).await;
    created.expect("a token")
}

#[tokio::test]
async fn an_administrator_from_elsewhere_gets_the_reason_in_the_place_of_every_page() {
    let mut browser = limited().await;
    browser.address = Some(ELSEWHERE);
    for path in [
        "/home",
        "/",
        "/account",
        POLICY,
        "/accounts?address=a",
        "/nothing",
    ] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        let text = &answer.text;
        assert!(text.contains("Not from this network"), "{path}: {text}");
        assert!(text.contains("certain networks only"), "{path}: {text}");
        assert!(!text.contains("192.0.2"), "{path}: {text}");
        assert!(
            !text.contains("rail-links"),
            "{path}: no page of the console"
        );
    }
    let fields = [("name", "stolen"), ("send", "on")];
    let answer = browser.post(CREATE_TOKEN, &fields).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(!answer.text.contains("postern_"), "{}", answer.text);
    for (method, path, body) in [
        ("GET", "/api/accounts", ""),
        ("GET", "/api/messages", ""),
        ("POST", "/fn/load_settings", "{}"),
    ] {
        let answer = browser.send(method, path, "application/json", body.to_owned());
        let answer = answer.await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert!(answer.text.contains("certain networks only"), "{path}");
        assert!(!answer.text.contains("192.0.2"), "{path}");
    }

    browser.address = Some(OFFICE);
    assert_eq!(browser.get("/account").await.status, StatusCode::OK);
    browser.address = Some(ELSEWHERE);
    let answer = browser.post(LOGOUT, &[]).await;
    assert_eq!(answer.headers[LOCATION], "/login", "the way out is open");
    browser.address = Some(OFFICE);
    let answer = browser.get("/account").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "it has ended");
}

#[tokio::test]
async fn an_administrator_signs_in_from_the_networks_and_others_from_everywhere() {
    let mut browser = limited().await;
    for (address, email, status) in [
        (Some(ELSEWHERE), ADMIN, StatusCode::FORBIDDEN),
        (None, ADMIN, StatusCode::FORBIDDEN),
        (Some(OFFICE), ADMIN, StatusCode::SEE_OTHER),
        (Some(ELSEWHERE), USER, StatusCode::SEE_OTHER),
    ] {
        browser.address = address;
        let answer = browser.sign_in(email).await;
        assert_eq!(answer.status, status, "{email} {address:?}");
        let begins = status == StatusCode::SEE_OTHER;
        assert_eq!(answer.session().is_some(), begins, "{email} {address:?}");
        let says = answer.text.contains("certain networks only");
        assert_eq!(says, !begins, "{}", answer.text);
        assert!(!answer.text.contains("192.0.2"), "{}", answer.text);
    }
}

#[tokio::test]
async fn tokens_of_administrators_are_refused_unless_they_only_send() {
    let mut browser = limited().await;
    let full = token(&browser, ADMIN, &[]).await;
    let reads = token(&browser, ADMIN, &["read"]).await;
    let sends = token(&browser, ADMIN, &["send"]).await;
    let of_user = token(&browser, USER, &[]).await;
    for (token, address, status) in [
        (&full, Some(ELSEWHERE), StatusCode::FORBIDDEN),
        (&full, None, StatusCode::FORBIDDEN),
        (&reads, Some(ELSEWHERE), StatusCode::FORBIDDEN),
        (&full, Some(OFFICE), StatusCode::OK),
        (&sends, Some(ELSEWHERE), StatusCode::OK),
        (&of_user, Some(ELSEWHERE), StatusCode::OK),
    ] {
        browser.token = Some(token.clone());
        browser.address = address;
        let answer = browser.get("/api/limits").await;
        assert_eq!(answer.status, status, "{address:?} {}", answer.text);
    }
}

#[tokio::test]
async fn the_form_asks_before_it_locks_out_who_sends_it() {
    let mut browser = TestBrowser::signed_in().await;
    browser.address = Some(OFFICE);
    let page = browser.get(POLICY).await;
    assert!(page.text.contains(OFFICE), "the own address: {}", page.text);
    assert!(!page.text.contains("confirm_lockout"), "{}", page.text);

    let answer = browser
        .post(POLICY_NETWORKS, &[("networks", "office")])
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text.contains("is not a network"), "{}", answer.text);
    assert!(answer.text.contains("value=\"office\""), "{}", answer.text);

    let answer = browser.post(POLICY_NETWORKS, &[("networks", "10.0.0.0/8 ::1")]);
    let answer = answer.await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    for shown in [
        "you would be locked out at once",
        "name=\"confirm_lockout\"",
        "value=\"10.0.0.0/8 ::1\"",
    ] {
        assert!(answer.text.contains(shown), "{shown}: {}", answer.text);
    }
    assert_eq!(browser.get(POLICY).await.status, StatusCode::OK);

    let fields = [("networks", "192.0.2.7, 10.0.0.0/8")];
    let answer = browser.post(POLICY_NETWORKS, &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let page = browser.get(POLICY).await;
    let saved = "value=\"10.0.0.0/8, 192.0.2.7\"";
    assert!(page.text.contains(saved), "{}", page.text);

    let fields = [("networks", "10.0.0.0/8"), ("confirm_lockout", "on")];
    let answer = browser.post(POLICY_NETWORKS, &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    assert_eq!(browser.get(POLICY).await.status, StatusCode::FORBIDDEN);
}
