//! Invitations and password resets: links that are mailed or shown to the administrator, used once.

mod reset_requests;

use std::time::Duration;

use domain::account::{AccountState, Role};
use domain::outbox::Priority;
use domain::{Kind, Refusal, SecretString};
use engine::{Actor, LinkDelivery, MailOutage, NewToken, Origin};
use futures::FutureExt;
use futures::future::join_all;

use crate::environment::{PASSWORD, TestEnv};
use crate::outbox::TestWorker;
use crate::wait::wait_for;
use testkit::{AcceptedMail, Relay, RelayScript};

pub const NEW: &str = "a new long password";

fn secret(text: &str) -> SecretString {
    SecretString::new(text)
}

/// The token of the link in a mail.
pub fn token(mail: &AcceptedMail) -> String {
    let text = mail.data.replace("=\r\n", "").replace("=3D", "=");
    let (_, rest) = text.split_once("?token=").expect("a link");
    rest.chars().take_while(|c| !c.is_whitespace()).collect()
}

/// The token of a link that the administrator gets.
fn returned_link(delivery: &LinkDelivery) -> (String, String) {
    match delivery {
        LinkDelivery::Returned { link, reason } => {
            let (url, token) = link.split_once("?token=").expect("a token");
            assert_eq!(url, "http://gate.example/invitation");
            (token.to_owned(), reason.clone())
        }
        LinkDelivery::Mailed => panic!("it was mailed"),
    }
}

impl TestEnv {
    /// A relay whose mail leaves.
    pub async fn mail_leaves(&self, admin: &Actor) -> (Relay, TestWorker) {
        let relay = Relay::start(RelayScript::pipelining());
        self.save(admin, &relay).await;
        let worker = TestWorker::begin(self, 2);
        self.until_outage(None).await;
        (relay, worker)
    }

    /// Waits until mail about accounts leaves, or does not for this reason.
    pub async fn until_outage(&self, expected: Option<MailOutage>) {
        wait_for("the state of mail", async || {
            let outage = self.postern.account_mail().outage().await.expect("asks");
            (outage == expected).then_some(()).ok_or(outage)
        })
        .await;
    }

    async fn signs_in_with(&self, email: &str, password: &str) -> bool {
        let origin = Origin::default();
        let login = self
            .postern
            .accounts()
            .login(email, secret(password), &origin);
        login.await.is_ok()
    }

    async fn accept(&self, token: &str, password: &str) -> Result<String, Refusal> {
        let origin = Origin::default();
        let accounts = self.postern.accounts();
        accounts
            .accept_invitation(token, secret(password), &origin)
            .await
    }

    async fn request(&self, email: &str) -> Result<(), Refusal> {
        let mail = self.postern.account_mail();
        mail.request_reset(email, &Origin::default()).await
    }

    pub async fn reset(&self, token: &str, password: &str) -> Result<String, Refusal> {
        let mail = self.postern.account_mail();
        mail.reset(token, secret(password), &Origin::default())
            .await
    }

    pub async fn request_from(&self, address: &str, email: &str) -> Result<(), Refusal> {
        let origin = Origin {
            address: address.parse().ok(),
            ..Origin::default()
        };
        let mail = self.postern.account_mail();
        mail.request_reset(email, &origin).await
    }
}

async fn an_invitation_is_mailed_and_accepted_once(env: TestEnv) {
    let admin = env.admin().await;
    let (relay, worker) = env.mail_leaves(&admin).await;
    let mail = env.postern.account_mail();
    let invited = mail
        .invite(&admin, "Ann@Example.org", Role::User)
        .await
        .expect("invited");
    assert!(matches!(invited.delivery, LinkDelivery::Mailed));
    assert_eq!(invited.email, "ann@example.org");
    let accounts = env.postern.accounts();
    let account = accounts.read(&admin, &invited.id).await.expect("there");
    assert_eq!(account.state, AccountState::Invited);
    assert!(!env.signs_in_with("ann@example.org", "").await);

    let mails = relay.wait_for_mails(1).await;
    assert_eq!(mails[0].from, "alerts@example.org");
    assert_eq!(mails[0].to, ["ann@example.org"]);
    assert_eq!(mails[0].header("Auto-Submitted"), Some("auto-generated"));
    assert!(mails[0].data.contains("admin@example.org invites you"));
    assert!(
        mails[0]
            .data
            .contains("http://gate.example/invitation?token")
    );
    let token = token(&mails[0]);
    let address = accounts.invited(&token).await.expect("asks");
    assert_eq!(address.as_deref(), Some("ann@example.org"));
    let easy = env.accept(&token, "short").await.expect_err("too short");
    assert!(easy.fields.contains_key("password"));
    // Of many at the same time one is accepted.
    let both = [NEW, "another long password"].map(|password| env.accept(&token, password));
    let accepted = join_all(both).await;
    assert_eq!(accepted.iter().filter(|result| result.is_ok()).count(), 1);
    let again = env.accept(&token, NEW).await.expect_err("used");
    assert_eq!(again.kind, Kind::Forbidden);
    assert_eq!(accounts.invited(&token).await, Ok(None));
    let account = accounts.read(&admin, &invited.id).await.expect("there");
    assert_eq!(account.state, AccountState::Active);
    let refused = mail
        .invite_again(&admin, &invited.id)
        .await
        .expect_err("has a password");
    assert_eq!(refused.kind, Kind::Conflict);
    // On the command line the actor is a user id.
    let local = Actor::local(0);
    let invited = mail.invite(&local, "bob@example.org", Role::User);
    invited.await.expect("invited");
    let mails = relay.wait_for_mails(2).await;
    assert!(mails[1].data.contains("You are invited to Postern"));
    worker.end().await;
}

async fn a_link_that_cannot_be_mailed_is_handed_over_with_the_reason(env: TestEnv) {
    let admin = env.admin().await;
    let mail = env.postern.account_mail();
    let ann = mail
        .invite(&admin, "ann@example.org", Role::User)
        .await
        .expect("invited");
    let (first, reason) = returned_link(&ann.delivery);
    assert_eq!(reason, "no relay is set up");
    let relay = Relay::start(RelayScript::pipelining());
    env.save(&admin, &relay).await;
    let again = mail.invite_again(&admin, &ann.id).await.expect("invited");
    let (second, reason) = returned_link(&again.delivery);
    assert_eq!(reason, "no process delivers mail");
    assert_eq!(
        env.accept(&first, NEW).await.expect_err("older").kind,
        Kind::Forbidden
    );

    let worker = TestWorker::begin(&env, 2);
    env.until_outage(None).await;
    let outbox = env.postern.outbox();
    outbox.pause_delivery(&admin, true).await.expect("pauses");
    env.until_outage(Some(MailOutage::Paused)).await;
    outbox.pause_delivery(&admin, false).await.expect("resumes");
    relay.reply_to("GREETING", "421 busy");
    env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    let fails = MailOutage::RelaysFail(vec!["Main relay".to_owned()]);
    env.until_outage(Some(fails)).await;
    let bob = mail
        .invite(&admin, "bob@example.org", Role::User)
        .await
        .expect("invited");
    let (third, reason) = returned_link(&bob.delivery);
    assert_eq!(reason, "Main relay fails");

    for (token, email) in [(second, "ann@example.org"), (third, "bob@example.org")] {
        assert_eq!(env.accept(&token, NEW).await.as_deref(), Ok(email));
        assert!(env.signs_in_with(email, NEW).await);
    }
    worker.end().await;
}

async fn a_suppressed_address_is_reported(env: TestEnv) {
    let admin = env.admin().await;
    let (_relay, worker) = env.mail_leaves(&admin).await;
    env.tamper(
        "INSERT INTO suppression (address, relay, reply, listed_at, expires_at, message_id) \
         VALUES ('ann@example.org', 'relay', '550 5.1.1 no such user', 0, 9000000000000, '')",
    )
    .await;
    let mail = env.postern.account_mail();
    let ann = mail
        .invite(&admin, "ann@example.org", Role::User)
        .await
        .expect("invited");
    let (_, reason) = returned_link(&ann.delivery);
    assert_eq!(reason, "This address is on the suppression list");
    worker.end().await;
}

async fn an_invitation_expires_after_seven_days(env: TestEnv) {
    let admin = env.admin().await;
    let mail = env.postern.account_mail();
    let ann = mail
        .invite(&admin, "ann@example.org", Role::User)
        .await
        .expect("invited");
    let (token, _) = returned_link(&ann.delivery);
    env.pass(Duration::from_secs(7 * 86_400 - 60));
    let accounts = env.postern.accounts();
    assert!(accounts.invited(&token).await.expect("asks").is_some());
    env.pass(Duration::from_secs(60));
    assert_eq!(accounts.invited(&token).await, Ok(None));
    let late = env.accept(&token, NEW).await.expect_err("expired");
    assert_eq!(late.kind, Kind::Forbidden);
}

async fn an_invitation_ends_with_a_password_or_when_the_account_is_disabled(env: TestEnv) {
    let (admin, local) = (env.admin().await, Actor::local(0));
    let (accounts, mail) = (env.postern.accounts(), env.postern.account_mail());
    let ann = mail
        .invite(&admin, "ann@example.org", Role::User)
        .await
        .expect("invited");
    let bob = mail
        .invite(&admin, "bob@example.org", Role::User)
        .await
        .expect("invited");
    let set = accounts.reset_password(&local, &ann.email, secret(PASSWORD), false);
    set.await.expect("sets");
    let disable = engine::AccountChange {
        disabled: Some(true),
        ..engine::AccountChange::default()
    };
    accounts
        .change(&admin, &bob.id, disable)
        .await
        .expect("changes");
    for invited in [ann, bob] {
        let (token, _) = returned_link(&invited.delivery);
        assert_eq!(
            env.accept(&token, NEW).await.expect_err("ended").kind,
            Kind::Forbidden
        );
    }
    assert!(env.signs_in_with("ann@example.org", PASSWORD).await);
}

async fn a_forgotten_password_is_reset_by_a_mailed_link(env: TestEnv) {
    let admin = env.admin().await;
    let ann = env.sign_in("ann@example.org", Role::User).await;
    let (local, accounts) = (Actor::local(0), env.postern.accounts());
    let app = accounts.create_token(&local, NewToken::new("ann@example.org", "app"));
    let app = app.await.expect("a token");
    let (relay, worker) = env.mail_leaves(&admin).await;
    env.request(" Ann@example.org ").await.expect("requested");
    let first = token(&relay.wait_for_mails(1).await[0]);
    env.request("ann@example.org").await.expect("requested");
    let second = token(&relay.wait_for_mails(2).await[1]);
    let older = env
        .reset(&first, NEW)
        .await
        .expect_err("a newer one ends it");
    assert_eq!(older.kind, Kind::Forbidden);
    let other = env.accept(&second, NEW).await.expect_err("no invitation");
    assert_eq!(other.kind, Kind::Forbidden);
    assert_eq!(
        env.reset(&second, NEW).await.as_deref(),
        Ok("ann@example.org")
    );
    let again = env.reset(&second, PASSWORD).await.expect_err("used");
    assert_eq!(again.kind, Kind::Forbidden);
    assert!(env.signs_in_with("ann@example.org", NEW).await);
    assert!(!env.signs_in_with("ann@example.org", PASSWORD).await);
    assert!(accounts.sessions(&ann).await.expect("lists").is_empty());
    let app = accounts.token_actor(&app, Origin::default()).await;
    assert!(app.expect("asks").is_some(), "tokens stay");
    let notice = &relay.wait_for_mails(3).await[2];
    assert_eq!(
        notice.header("Subject"),
        Some("Your password for Postern was reset")
    );
    assert_eq!(notice.to, ["ann@example.org"]);
    env.request("ann@example.org").await.expect("requested");
    let third = token(&relay.wait_for_mails(4).await[3]);
    // A client that disconnects at once does not keep the mail from being sent.
    let _ = env.reset(&third, PASSWORD).now_or_never();
    let notice = &relay.wait_for_mails(5).await[4];
    assert_eq!(
        notice.header("Subject"),
        Some("Your password for Postern was reset")
    );
    assert!(env.signs_in_with("ann@example.org", PASSWORD).await);
    worker.end().await;
}

async fn a_link_to_reset_a_password_expires_after_half_an_hour(env: TestEnv) {
    let admin = env.admin().await;
    let (relay, worker) = env.mail_leaves(&admin).await;
    env.request("admin@example.org").await.expect("requested");
    let token = token(&relay.wait_for_mails(1).await[0]);
    let accounts = env.postern.accounts();
    env.pass(Duration::from_secs(29 * 60));
    assert!(accounts.resettable(&token).await.expect("asks").is_some());
    env.pass(Duration::from_secs(60));
    assert_eq!(accounts.resettable(&token).await, Ok(None));
    let late = env.reset(&token, NEW).await.expect_err("expired");
    assert_eq!(late.kind, Kind::Forbidden);
    worker.end().await;
}

async fn a_request_does_not_tell_whether_there_is_an_account(env: TestEnv) {
    let admin = env.admin().await;
    let accounts = env.postern.accounts();
    let _ = env.sign_in("gone@example.org", Role::User).await;
    let gone = accounts
        .read_by_email(&admin, "gone@example.org")
        .await
        .expect("there");
    let disable = engine::AccountChange {
        disabled: Some(true),
        ..engine::AccountChange::default()
    };
    accounts
        .change(&admin, &gone.id, disable)
        .await
        .expect("changes");
    let down = env
        .request("admin@example.org")
        .await
        .expect_err("no settings");
    assert_eq!(down.kind, Kind::Unavailable);
    assert!(down.text().contains("postern account passwd"));
    assert_eq!(env.request("nobody@example.org").await, Err(down));

    let (relay, worker) = env.mail_leaves(&admin).await;
    for email in [
        "nobody@example.org",
        "gone@example.org",
        "a\0b",
        "",
        "admin@example.org",
    ] {
        assert_eq!(env.request(email).await, Ok(()), "{email}");
    }
    // The requests before it were worked on, or are without a mail.
    let mails = relay.wait_for_mails(1).await;
    assert_eq!(mails[0].to, ["admin@example.org"]);
    // From the fifth request from a network on, for whatever address, the next one waits.
    for (network, email) in [
        ("192.0.2", "nobody@example.org"),
        ("203.0.113", "admin@example.org"),
    ] {
        let mut refused = Vec::new();
        for host in 1..9 {
            let address = format!("{network}.{host}");
            if let Err(refusal) = env.request_from(&address, email).await {
                refused.push(refusal.kind);
            }
        }
        assert!(refused.contains(&Kind::TooMany), "{email}");
    }
    worker.end().await;
}

async fn the_content_of_mail_about_accounts_is_shown_to_nobody(env: TestEnv) {
    let admin = env.admin().await;
    let (relay, worker) = env.mail_leaves(&admin).await;
    let mail = env.postern.account_mail();
    mail.invite(&admin, "ann@example.org", Role::User)
        .await
        .expect("invited");
    relay.wait_for_mails(1).await;
    let outbox = env.postern.outbox();
    let search = domain::outbox::Search::default();
    let rows = outbox
        .page(&admin, &search, None)
        .await
        .expect("a page")
        .lines;
    assert_eq!(rows.len(), 1);
    let message = outbox.message(&admin, &rows[0].id).await.expect("there");
    assert!(message.confidential && message.kept);
    assert_eq!(
        (&*message.by, message.priority),
        ("Postern", Priority::High)
    );
    for actor in [admin.clone(), Actor::local(0)] {
        let refused = outbox.message_bytes(&actor, &message.id).await;
        let refused = refused.expect_err("confidential");
        assert_eq!(refused.kind, Kind::Forbidden);
        assert!(refused.text().contains("shown to nobody"));
        assert!(outbox.parsed_message(&actor, &message.id).await.is_err());
    }
    let other = env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    outbox
        .message_bytes(&admin, &other)
        .await
        .expect("readable");
    worker.end().await;
}

async fn guesses_of_links_are_throttled(env: TestEnv) {
    let _ = env.admin().await;
    let origin = Origin {
        address: "192.0.2.1".parse().ok(),
        ..Origin::default()
    };
    let accounts = env.postern.accounts();
    let mut kinds = Vec::new();
    for _ in 0..8 {
        let guess = accounts
            .accept_invitation("guess", secret(NEW), &origin)
            .await;
        kinds.push(guess.expect_err("a guess").kind);
    }
    assert_eq!(kinds[0], Kind::Forbidden);
    assert!(kinds.contains(&Kind::TooMany), "{kinds:?}");
}

stories! {
    both {
        an_invitation_is_mailed_and_accepted_once;
        a_link_that_cannot_be_mailed_is_handed_over_with_the_reason;
        a_suppressed_address_is_reported;
        an_invitation_expires_after_seven_days;
        an_invitation_ends_with_a_password_or_when_the_account_is_disabled;
        a_forgotten_password_is_reset_by_a_mailed_link;
        a_link_to_reset_a_password_expires_after_half_an_hour;
        a_request_does_not_tell_whether_there_is_an_account;
        the_content_of_mail_about_accounts_is_shown_to_nobody;
        guesses_of_links_are_throttled;
    }
}
