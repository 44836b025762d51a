//! Tests of the sessions of all accounts, over REST and by the forms of their page.

use app::accounts::SESSIONS;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use domain::SecretString;
use domain::account::Role;
use engine::{Actor, Origin};
use serde_json::{Value, json};

use crate::http::test_browser::{BrowserAnswer, PASSWORD, TestBrowser};

const USER: &str = "user@example.org";

/// A browser of an administrator, beside two sessions of a user.
async fn beside_a_user() -> TestBrowser {
    let browser = TestBrowser::signed_in().await;
    let (operator, accounts) = (Actor::local(0), browser.postern.accounts());
    let password = || SecretString::new(PASSWORD);
    let created = accounts.create(&operator, USER, Role::User, password());
    created.await.expect("an account");
    let origin = Origin {
        address: "192.0.2.7".parse().ok(),
        browser: "curl/8.0".to_owned(),
        device: None,
    };
    let login = accounts.login(USER, password(), &origin).await;
    let login = login.expect("signs in");
    for secret in ["first", "second"] {
        let begun = accounts.begin_session(secret, &login, &origin).await;
        begun.expect("begins");
    }
    browser
}

async fn rest(browser: &TestBrowser, method: &str, path: &str) -> (StatusCode, Value) {
    let answer = browser.send(method, path, "application/json", String::new());
    let BrowserAnswer { status, text, .. } = answer.await;
    (status, serde_json::from_str(&text).expect("JSON"))
}

/// The sessions of an account in the list.
async fn listed(browser: &TestBrowser, email: &str) -> Vec<Value> {
    let (status, list) = rest(browser, "GET", "/api/sessions").await;
    assert_eq!(status, StatusCode::OK, "{list}");
    let all = list["data"].as_array().expect("a list").iter();
    let own = all.filter(|session| session["account"] == email);
    own.cloned().collect()
}

#[tokio::test]
async fn sessions_are_listed_and_ended_over_rest() {
    let browser = beside_a_user().await;
    let of_admin = listed(&browser, "admin@example.org").await;
    assert_eq!(of_admin.len(), 1);
    assert_eq!(of_admin[0]["current"], true);
    let of_user = listed(&browser, USER).await;
    assert_eq!(of_user.len(), 2);
    assert_eq!(of_user[0]["from"], "192.0.2.7");
    assert_eq!(of_user[0]["browser"], "curl/8.0");
    assert_eq!(of_user[0]["current"], false);
    assert!(of_user[0]["begun"].is_string() && of_user[0]["last_used"].is_string());

    let one = format!(
        "/api/sessions/{}",
        of_user[0]["id"].as_str().expect("an id")
    );
    for status in [StatusCode::OK, StatusCode::NOT_FOUND] {
        assert_eq!(rest(&browser, "DELETE", &one).await.0, status);
    }
    assert_eq!(listed(&browser, USER).await.len(), 1);
    let account = of_user[0]["account_id"].as_str().expect("an id");
    let all = format!("/api/accounts/{account}/sessions");
    for number in [1, 0] {
        let (status, ended) = rest(&browser, "DELETE", &all).await;
        assert_eq!(
            (status, &ended["data"]["ended"]),
            (StatusCode::OK, &json!(number))
        );
    }
    let unknown = rest(&browser, "DELETE", "/api/accounts/none/sessions").await;
    assert_eq!(unknown.0, StatusCode::NOT_FOUND);
    assert_eq!(listed(&browser, USER).await.len(), 0);
    assert_eq!(listed(&browser, "admin@example.org").await.len(), 1);
}

#[tokio::test]
async fn sessions_are_ended_by_the_forms_of_the_page() {
    let browser = beside_a_user().await;
    let page = browser.get(SESSIONS).await;
    for shown in [USER, "curl 8", "192.0.2.7", "This session", "End all"] {
        assert!(page.text.contains(shown), "{shown}: {}", page.text);
    }
    let session = listed(&browser, USER).await.remove(0);
    let (id, account) = (&session["id"], &session["account_id"]);
    let (id, account) = (
        id.as_str().expect("an id"),
        account.as_str().expect("an id"),
    );
    for (field, value, left) in [("id", id, 1), ("account", account, 0)] {
        let answer = browser.post(SESSIONS, &[(field, value)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        assert_eq!(answer.headers[LOCATION], SESSIONS);
        assert_eq!(listed(&browser, USER).await.len(), left);
    }
    let answer = browser.post(SESSIONS, &[("id", id)]).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let answer = browser.post(SESSIONS, &[]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = browser.get(&format!("{SESSIONS}?address=nobody")).await;
    assert!(
        page.text
            .contains("No account with such an address is signed in.")
    );
}
