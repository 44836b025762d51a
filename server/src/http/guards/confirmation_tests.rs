//! Tests of the confirmation of sessions, over the router and with a clock that passes.

use std::time::Duration;

use app::account::{CONFIRM_IDENTITY, CREATE_TOKEN, REVOKE_TOKEN};
use app::limits::LIMITS;
use app::with_query;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use domain::account::policy::PolicyChange;
use engine::{Actor, NewToken};

use super::confirmation::{GUARDED, PostedForm};
use crate::http::test_browser::{FORM, PASSWORD, TestBrowser};
use crate::rest::openapi;

#[tokio::test]
async fn every_guarded_act_asks_after_ten_minutes() {
    let browser = TestBrowser::signed_in().await;
    browser.clock.advance(Duration::from_secs(600));
    for (method, path) in GUARDED {
        let is_rest = path.starts_with("/api/");
        let (media_type, body) = match is_rest {
            true => ("application/json", "{\"name\":\"x\"}"),
            false => (FORM, ""),
        };
        let answer = browser
            .send(method, path, media_type, body.to_owned())
            .await;
        if *method == "GET" && !is_rest {
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
            let asks = with_query(CONFIRM_IDENTITY, [("next", path)]);
            assert_eq!(answer.headers[LOCATION], asks.as_str());
            continue;
        }
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {path}");
        let asks = match is_rest {
            true => "\"confirmation\":\"Confirm that it is you: open /confirm in the browser",
            false => "name=\"confirmation\"",
        };
        assert!(answer.text.contains(asks), "{path}: {}", answer.text);
    }
    let answer = browser.post(REVOKE_TOKEN, &[("id", "none")]).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "others do not ask");
}

/// The operations of the document that change something and do not ask.
const UNGUARDED: &[&str] = &[
    "DELETE /api/accounts/{id}/senders/{sender}",
    "DELETE /api/messages/act",
    "DELETE /api/relays/{id}",
    "DELETE /api/senders/{id}",
    "DELETE /api/smtp/settings",
    "DELETE /api/suppressions/{address}",
    "DELETE /api/tokens/{id}",
    "POST /api/diagnosis",
    "POST /api/message-webhooks/{id}/test",
    "POST /api/messages/act",
    "POST /api/messages/send-email",
    "POST /api/messages/{id}/{act}",
    "POST /api/outbox/pause",
    "POST /api/probe",
    "POST /api/relays",
    "POST /api/relays/{id}",
    "POST /api/relays/{id}/check",
    "POST /api/relays/{id}/diagnosis",
    "POST /api/relays/{id}/email_smtp",
    "POST /api/relays/{id}/email_test/{address}",
    "POST /api/relays/{id}/revisions/{number}/restore",
    "POST /api/senders",
    "POST /api/setup/email_smtp",
    "POST /api/setup/email_test/{address}",
    "POST /api/smtp/settings",
    "POST /api/smtp/test",
    "POST /api/suppressions/remove",
    "POST /api/webhooks/{id}/test",
];

#[test]
fn every_documented_change_asks_or_is_listed_here() {
    let _ = crate::rest::router();
    let paths = openapi::published()["paths"].as_object().expect("paths");
    let mut others = Vec::new();
    for (path, operations) in paths {
        for method in ["DELETE", "PATCH", "POST", "PUT"] {
            let is_operation = operations.get(method.to_lowercase()).is_some();
            if is_operation && !GUARDED.contains(&(method, path.as_str())) {
                others.push(format!("{method} {path}"));
            }
        }
    }
    others.sort_unstable();
    assert_eq!(others, UNGUARDED);
    for (method, path) in GUARDED {
        if path.starts_with("/api/") {
            let operations = paths.get(*path).unwrap_or_else(|| panic!("{path}"));
            let operation = operations.get(method.to_lowercase());
            assert!(operation.is_some(), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn limits_are_changed_on_the_page_after_a_confirmation() {
    let browser = TestBrowser::signed_in().await;
    browser.clock.advance(Duration::from_secs(600));
    let fields = [
        ("account", "01JD0000000000000000000000"),
        ("max_per_day", "1"),
    ];
    let answer = browser.post(LIMITS, &fields).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    for kept in [
        "action=\"/accounts/limits\"",
        "name=\"max_per_day\" value=\"1\"",
        "name=\"confirmation\"",
    ] {
        assert!(answer.text.contains(kept), "{kept}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_page_with_a_form_asks_first_and_is_opened_then() {
    let browser = TestBrowser::signed_in().await;
    let (accounts, local) = (browser.postern.accounts(), Actor::local(0));
    let account = accounts.read_by_email(&local, "admin@example.org").await;
    let account = account.expect("an account");
    let page = format!("{LIMITS}?account={}", account.id);
    assert_eq!(browser.get(&page).await.status, StatusCode::OK);
    browser.clock.advance(Duration::from_secs(600));
    let answer = browser.get(&page).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let asks = answer.headers[LOCATION].to_str().expect("text").to_owned();
    let asked = browser.get(&asks).await;
    assert_eq!(asked.status, StatusCode::OK);
    assert!(asked.text.contains("Confirm that it is you"));
    let answer = browser.post(&asks, &[("confirmation", PASSWORD)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    assert_eq!(answer.headers[LOCATION], page.as_str());
    assert_eq!(browser.get(&page).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_audit_log_is_exported_after_a_confirmation_but_by_tokens() {
    let mut browser = TestBrowser::signed_in().await;
    browser.clock.advance(Duration::from_secs(600));
    assert_eq!(browser.get("/api/audit").await.status, StatusCode::OK);
    let page = "/audit/export?action=login";
    let answer = browser.get(page).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let asks = answer.headers[LOCATION].to_str().expect("text").to_owned();
    let export = "/api/audit/export?format=csv";
    for method in ["GET", "HEAD"] {
        let answer = browser.send(method, export, FORM, String::new()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method}");
    }
    // The confirmation has expired while the page was open.
    browser.accept = Some("text/html,application/xhtml+xml,*/*;q=0.8");
    let download = "/api/audit/export?action=login&format=csv";
    let answer = browser.get(download).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.headers[LOCATION], asks.as_str());
    browser.accept = None;
    let answer = browser.post(&asks, &[("confirmation", PASSWORD)]).await;
    assert_eq!(answer.headers[LOCATION], page);
    let answer = browser.get(page).await;
    let field = "name=\"action\" value=\"login\"";
    assert!(answer.text.contains(field), "{}", answer.text);
    let answer = browser.get(export).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.text.starts_with("id,at,"), "{}", answer.text);

    browser.clock.advance(Duration::from_secs(600));
    let token = NewToken::new("admin@example.org", "collector");
    let accounts = browser.postern.accounts();
    let token = accounts.create_token(&Actor::local(0), token).await;
    browser.token = Some(token.expect("a token"));
    assert_eq!(browser.get(export).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_form_is_carried_out_with_the_answer() {
    let browser = TestBrowser::signed_in().await;
    browser.clock.advance(Duration::from_secs(600));
    let fields = [("name", "billing & <more>"), ("send", "on")];
    let answer = browser.post(CREATE_TOKEN, &fields).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    for kept in [
        "action=\"/account/tokens\"",
        "name=\"name\" value=\"billing &amp; &lt;more&gt;\"",
        "name=\"send\" value=\"on\"",
    ] {
        assert!(answer.text.contains(kept), "{kept}: {}", answer.text);
    }
    assert!(!answer.text.contains("role=\"alert\""), "nothing is wrong");

    let with = |answer| [fields[0], fields[1], ("confirmation", answer)];
    let answer = browser.post(CREATE_TOKEN, &with("wrong")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text.contains("This is not your password."));
    assert!(answer.text.contains("name=\"send\" value=\"on\""));
    assert!(!answer.text.contains("wrong"), "the answer is not shown");

    let answer = browser.post(CREATE_TOKEN, &with(PASSWORD)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert!(answer.text.contains("postern_"), "the token is created");
    assert!(answer.text.contains("billing &amp; &lt;more&gt;"));
    let answer = browser.post(CREATE_TOKEN, &fields).await;
    assert_eq!(answer.status, StatusCode::OK, "confirmed for ten minutes");
}

#[tokio::test]
async fn the_page_that_asks_has_no_secret_of_the_form() {
    let browser = TestBrowser::signed_in().await;
    browser.clock.advance(Duration::from_secs(600));
    let fields = [
        ("name", "kept"),
        ("password", "a new secret"),
        ("new", "another"),
    ];
    let answer = browser.post(CREATE_TOKEN, &fields).await;
    assert!(answer.text.contains("value=\"kept\""), "{}", answer.text);
    for secret in ["a new secret", "another"] {
        assert!(!answer.text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn the_page_itself_confirms_and_continues() {
    let browser = TestBrowser::signed_in().await;
    browser.clock.advance(Duration::from_secs(600));
    let fields = [("confirmation", PASSWORD)];
    for (path, next) in [
        (
            "/confirm?next=%2Faccount%2Fsecond-factor",
            "/account/second-factor",
        ),
        ("/confirm?next=%2F%2Fevil.example", "/"),
        ("/confirm", "/"),
    ] {
        let answer = browser.post(path, &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
        assert_eq!(answer.headers[LOCATION], next);
    }
    let answer = browser
        .post(CREATE_TOKEN, &[("name", "a"), ("send", "on")])
        .await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn an_administrator_without_the_required_factor_sets_it_up_first() {
    let browser = TestBrowser::signed_in().await;
    let require = PolicyChange {
        second_factor_for_administrators: Some(true),
        ..PolicyChange::default()
    };
    let policy = browser.postern.policy();
    let saved = policy.save(&Actor::local(0), require).await;
    saved.expect("saves");
    let get = async |path: &str| browser.send("GET", path, FORM, String::new()).await;
    for path in [
        "/",
        "/account",
        "/settings/email",
        "/outbox",
        "/confirm?next=/outbox",
    ] {
        let answer = get(path).await;
        let leads = path.starts_with("/confirm") == answer.status.is_success();
        assert!(leads, "{path} {}", answer.status);
        if answer.status.is_redirection() {
            assert_eq!(answer.headers[LOCATION], "/account/second-factor", "{path}");
        }
    }
    let answer = browser
        .post(CREATE_TOKEN, &[("name", "a"), ("send", "on")])
        .await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    for path in ["/api/setup/email_smtp", "/api/outbox", "/api/messages"] {
        let answer = get(path).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert!(
            answer.text.contains("requires a second factor"),
            "{}",
            answer.text
        );
    }
    let call = browser.send(
        "POST",
        "/fn/load_settings",
        "application/json",
        "{}".to_owned(),
    );
    assert_eq!(call.await.status, StatusCode::FORBIDDEN);
    let page = get("/account/second-factor").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.text
            .contains("requires a second factor of administrators")
    );
    let answer = browser.post("/account/second-factor/set-up", &[]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let answer = browser.post("/account/second-factor/passkeys", &[]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let offered = "Passkeys need a public URL of https";
    assert!(answer.text.contains(offered), "{}", answer.text);
    let answer = browser.post("/logout", &[]).await;
    assert_eq!(answer.headers[LOCATION], "/login");
}

#[test]
fn the_answer_is_taken_out_of_the_form() {
    for (body, fields, answer) in [
        ("a=1&b=%26", vec![("a", "1"), ("b", "&")], None),
        (
            "a=1&confirmation=x+y&a=2",
            vec![("a", "1"), ("a", "2")],
            Some("x y"),
        ),
        ("", vec![], None),
    ] {
        let expected = PostedForm {
            fields: fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            answer: answer.map(str::to_owned),
        };
        assert_eq!(PostedForm::parse(body.as_bytes()), expected, "{body}");
    }
}
