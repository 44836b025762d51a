//! Tests of the forms on the page of an account: its tokens, and an invitation that is sent again.

use app::accounts::{ACCOUNTS, INVITE_AGAIN, REVOKE_TOKEN_OF, account_path};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use domain::SecretString;
use domain::account::Role;
use engine::{Actor, NewToken, Origin};

use crate::http::test_browser::{BrowserAnswer, PASSWORD, TestBrowser};

const USER: &str = "user@example.org";

#[tokio::test]
async fn a_token_of_an_account_is_seen_and_revoked_on_its_page() {
    let browser = TestBrowser::signed_in().await;
    let (operator, accounts) = (Actor::local(0), browser.postern.accounts());
    let password = SecretString::new(PASSWORD);
    let created = accounts.create(&operator, USER, Role::User, password).await;
    let account = created.expect("an account").id;
    let secret = accounts.create_token(&operator, NewToken::new(USER, "billing"));
    let secret = secret.await.expect("a token");
    let is_valid = async || {
        let actor = accounts.token_actor(&secret, Origin::default()).await;
        actor.expect("asks").is_some()
    };
    assert!(is_valid().await);
    let listed = accounts.tokens_of(&operator, &account).await;
    let token = listed.expect("lists").tokens.remove(0).id;

    let path = account_path(&account);
    let page = browser.get(&path).await;
    for shown in ["1 token", "billing", "Revoke billing"] {
        assert!(page.text.contains(shown), "{shown}: {}", page.text);
    }
    let fields = [("account", account.as_str()), ("id", token.as_str())];
    let answer = browser.post(REVOKE_TOKEN_OF, &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    assert_eq!(answer.headers[LOCATION], path.as_str());
    assert!(!is_valid().await);
    let page = browser.get(&path).await;
    assert!(page.text.contains("0 tokens"), "{}", page.text);
    let answer = browser.post(REVOKE_TOKEN_OF, &fields).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

/// The token of the link that the page of an invited account shows.
fn shown_token(answer: &BrowserAnswer) -> String {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let link = answer.text.split_once("/invitation?token=");
    let (_, rest) = link.expect("a link");
    let token = rest
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c));
    token.collect()
}

#[tokio::test]
async fn an_invitation_is_made_again_on_the_page_of_its_account() {
    let browser = TestBrowser::signed_in().await;
    let fields = [
        ("email", USER),
        ("role", "user"),
        ("password", ""),
        ("with", "invitation"),
    ];
    let first = shown_token(&browser.post(ACCOUNTS, &fields).await);
    let accounts = browser.postern.accounts();
    let found = accounts.read_by_email(&Actor::local(0), USER).await;
    let account = found.expect("an account").id;
    let page = browser.get(&account_path(&account)).await;
    assert!(page.text.contains("Invite again"), "{}", page.text);
    assert!(
        !page.text.contains("/invitation?token="),
        "it is shown once"
    );

    let again = browser
        .post(INVITE_AGAIN, &[("id", account.as_str())])
        .await;
    let second = shown_token(&again);
    let valid = Some(USER.to_owned());
    for (token, expected) in [(first, None), (second, valid)] {
        assert_eq!(accounts.invited(&token).await, Ok(expected));
    }
}
