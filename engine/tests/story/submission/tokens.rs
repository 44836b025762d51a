//! API tokens: their rights, limits and last use.

use std::time::Duration;

use domain::account::Role;
use domain::outbox::{Priority, PriorityLimits};
use domain::{Kind, SecretString};
use engine::{Actor, NewToken, Origin, Submission, Submissions};

use crate::environment::{PASSWORD, TestEnv};
use crate::wait::wait_for;

async fn a_token_has_the_rights_of_its_account_until_revoked(env: TestEnv) {
    let (postern, local) = (&env.postern, Actor::local(0));
    let _ = env.admin().await;
    let _ = env.sign_in("user@example.org", Role::User).await;
    let admin = postern
        .accounts()
        .create_token(&local, NewToken::new("admin@example.org", "ci"))
        .await
        .expect("made");
    let user = postern
        .accounts()
        .create_token(&local, NewToken::new("user@example.org", "app"))
        .await
        .expect("made");
    assert!(admin.starts_with("postern_") && admin.len() > 50);
    let actor = async |token: &str| {
        postern
            .accounts()
            .token_actor(token, Origin::default())
            .await
            .expect("asks")
    };
    assert!(
        postern
            .settings()
            .view(&actor(&admin).await.expect("known"))
            .await
            .is_ok()
    );
    let refused = postern
        .settings()
        .view(&actor(&user).await.expect("known"))
        .await;
    assert_eq!(refused.expect_err("a user's").kind, Kind::Forbidden);
    assert!(actor("postern_guess").await.is_none());

    let listed = postern.accounts().tokens(&local).await.expect("lists");
    assert_eq!(listed.len(), 2);
    assert!(!format!("{listed:?}").contains(&admin));
    let ci = listed.iter().find(|token| token.name == "ci");
    let id = &ci.expect("listed").id;
    postern
        .accounts()
        .revoke_token(&local, id)
        .await
        .expect("revokes");
    assert!(actor(&admin).await.is_none());
    for unknown in [id, "a\0b"] {
        let again = postern.accounts().revoke_token(&local, unknown).await;
        assert_eq!(again.expect_err("unknown").kind, Kind::NotFound);
    }
    for name in ["", " ", "a\nb", &"x".repeat(65)] {
        let unnamed = postern
            .accounts()
            .create_token(&local, NewToken::new("user@example.org", name))
            .await;
        assert!(unnamed.expect_err("no name").fields.contains_key("name"));
    }
}

impl TestEnv {
    /// The actor of a token, if it is valid.
    pub async fn holder(&self, token: &str) -> Option<Actor> {
        let accounts = self.postern.accounts();
        let actor = accounts.token_actor(token, Origin::default()).await;
        actor.expect("asks")
    }

    /// A token of this account, limited by `limits`; that of an administrator sends from any address.
    async fn limited(&self, email: &str, limits: NewToken) -> String {
        let new = NewToken {
            account: Some(email.to_owned()),
            name: "app".to_owned(),
            any_sender: email == "admin@example.org",
            ..limits
        };
        let (accounts, local) = (self.postern.accounts(), Actor::local(0));
        let token = accounts.create_token(&local, new).await;
        token.expect("made")
    }
}

fn mail(from: &str) -> Submission {
    Submission {
        from: Some(from.to_owned()),
        to: vec!["desk@example.net".to_owned()],
        text: Some("Leave the building.".to_owned()),
        ..Submission::default()
    }
}

async fn a_scope_limits_what_a_token_of_an_administrator_may_do(env: TestEnv) {
    let _ = env.admin().await;
    let outbox = env.postern.outbox();
    for (scope, sends, reads, administers) in [
        ("send", true, false, false),
        ("read", false, true, false),
        ("admin", false, true, true),
    ] {
        let limits = NewToken {
            scopes: vec![scope.to_owned()],
            ..NewToken::default()
        };
        let token = env.limited("admin@example.org", limits).await;
        let actor = env.holder(&token).await.expect("valid");
        let submission = Submissions::One(Box::new(mail("app@example.org")));
        let may = |result: Result<(), Kind>| match result {
            Ok(()) => true,
            Err(Kind::Forbidden) => false,
            Err(other) => panic!("{scope}: {other:?}"),
        };
        let sent = outbox.accept(&actor, submission, None).await;
        assert_eq!(may(sent.map(drop).map_err(|r| r.kind)), sends, "{scope}");
        let read = outbox.overview(&actor).await;
        assert_eq!(may(read.map(drop).map_err(|r| r.kind)), reads, "{scope}");
        let metrics = outbox.metrics(Some(&actor), false).await;
        assert_eq!(may(metrics.map(drop).map_err(|r| r.kind)), reads, "{scope}");
        let view = env.postern.settings().view(&actor).await;
        assert_eq!(
            may(view.map(drop).map_err(|r| r.kind)),
            administers,
            "{scope}"
        );
    }
}

async fn a_token_sends_only_from_its_senders(env: TestEnv) {
    let _ = env.sign_in("user@example.org", Role::User).await;
    env.allow("user@example.org", "app@example.org").await;
    let limits = NewToken {
        senders: vec!["app@example.org".to_owned()],
        ..NewToken::default()
    };
    let token = env.limited("user@example.org", limits).await;
    let actor = env.holder(&token).await.expect("valid");
    let outbox = env.postern.outbox();
    let one = |from: &str| Submissions::One(Box::new(mail(from)));
    let sent = outbox
        .accept(&actor, one("App <app@EXAMPLE.ORG>"), None)
        .await;
    assert_eq!(sent.expect("accepted").ids.len(), 1);
    let refused = outbox.accept(&actor, one("ceo@example.org"), None).await;
    let refusal = refused.expect_err("another sender");
    assert_eq!(refusal.kind, Kind::Invalid);
    assert!(refusal.fields["from"].contains("This token sends only from app@example.org"));
    let refused = outbox.accept(&actor, one("user@example.org"), None).await;
    refused.expect_err("allowed to the account, not to the token");
    let many = vec![mail("app@example.org"), mail("ceo@example.org")];
    let refused = outbox.accept(&actor, Submissions::Many(many), None).await;
    assert!(
        refused
            .expect_err("another sender")
            .fields
            .contains_key("[1].from")
    );
    let forged = Submission {
        text: None,
        raw: Some(b"From: ceo@example.org\r\n\r\nPay.\r\n".to_vec()),
        ..mail("app@example.org")
    };
    let refused = outbox
        .accept(&actor, Submissions::One(Box::new(forged)), None)
        .await;
    assert!(
        refused
            .expect_err("another author")
            .fields
            .contains_key("from")
    );
    let on_behalf = Submission {
        headers: vec![("Sender".to_owned(), "ceo@example.org".to_owned())],
        ..mail("app@example.org")
    };
    let refused = outbox
        .accept(&actor, Submissions::One(Box::new(on_behalf)), None)
        .await;
    let refusal = refused.expect_err("another sender");
    assert!(refusal.fields.contains_key("headers"), "{refusal}");
}

async fn a_token_gives_its_mail_a_priority_and_limits_it(env: TestEnv) {
    use Priority::{Bulk, High, Normal};
    let admin = env.admin().await;
    let limits = |default_priority, highest_priority| NewToken {
        default_priority,
        highest_priority,
        ..NewToken::default()
    };
    let outbox = env.postern.outbox();
    let with = |priority: Option<Priority>| Submission {
        priority,
        ..mail("app@example.org")
    };
    for (default, highest, given, expected) in [
        (None, None, None, Normal),
        (None, None, Some(High), High),
        (Some(Bulk), None, None, Bulk),
        (Some(Bulk), None, Some(High), High),
        (Some(Bulk), Some(Normal), None, Bulk),
        (Some(Bulk), Some(Normal), Some(Normal), Normal),
        (None, Some(Bulk), None, Bulk),
    ] {
        let token = env
            .limited("admin@example.org", limits(default, highest))
            .await;
        let actor = env.holder(&token).await.expect("valid");
        let one = Submissions::One(Box::new(with(given)));
        let accepted = outbox.accept(&actor, one, None).await.expect("accepted");
        let message = outbox
            .message(&actor, &accepted.ids[0])
            .await
            .expect("reads");
        assert_eq!(message.priority, expected, "{default:?} {highest:?}");
    }

    let limited = limits(Some(Bulk), Some(Normal));
    let token = env.limited("admin@example.org", limited).await;
    let actor = env.holder(&token).await.expect("valid");
    let many = vec![with(None), with(Some(High))];
    let refused = outbox.accept(&actor, Submissions::Many(many), None).await;
    let refusal = refused.expect_err("above the highest");
    assert_eq!(refusal.kind, Kind::Invalid);
    let text = &refusal.fields["[1].priority"];
    assert!(text.contains("normal or bulk"), "{text}");
    let accounts = env.postern.accounts();
    let listed = accounts.tokens(&admin).await.expect("lists");
    let expected = PriorityLimits {
        default: Bulk,
        highest: Normal,
    };
    assert_eq!(listed.last().expect("listed").priorities, expected);
    let unlimited = NewToken::new("admin@example.org", "escape");
    let refused = accounts.create_token(&actor, unlimited).await;
    assert_eq!(refused.expect_err("it would exceed").kind, Kind::Forbidden);
    let above = NewToken {
        name: "app".to_owned(),
        ..limits(Some(High), Some(Normal))
    };
    let refused = accounts.create_token(&admin, above).await;
    let refusal = refused.expect_err("a default above the highest");
    assert!(refusal.fields.contains_key("default_priority"), "{refusal}");
}

async fn a_token_expires(env: TestEnv) {
    let _ = env.admin().await;
    let limits = NewToken {
        expires_days: Some(2),
        ..NewToken::default()
    };
    let token = env.limited("admin@example.org", limits).await;
    env.pass(Duration::from_hours(48) - Duration::from_secs(10));
    let actor = env.holder(&token).await.expect("still valid");
    let unlimited = NewToken::new("admin@example.org", "escape");
    let refused = env.postern.accounts().create_token(&actor, unlimited).await;
    assert_eq!(refused.expect_err("it would outlive").kind, Kind::Forbidden);
    env.pass(Duration::from_secs(10));
    assert!(env.holder(&token).await.is_none());
}

async fn the_last_use_of_a_token_is_listed_to_the_minute(env: TestEnv) {
    let admin = env.admin().await;
    let token = env.limited("admin@example.org", NewToken::default()).await;
    let last_used = async || {
        let listed = env.postern.accounts().tokens(&admin).await;
        listed.expect("lists")[0].last_used_at
    };
    assert_eq!(last_used().await, None);
    let used = async || {
        env.holder(&token).await.expect("valid");
        last_used().await
    };
    wait_for("a last use", async || used().await.map(drop).ok_or(())).await;
    let first = last_used().await;
    env.pass(Duration::from_secs(50));
    assert_eq!(used().await, first, "within a minute");
    env.pass(Duration::from_secs(10));
    wait_for("a later use", async || match used().await {
        later if later > first => Ok(()),
        same => Err(same),
    })
    .await;
}

async fn a_password_reset_revokes_tokens_unless_they_are_kept(env: TestEnv) {
    let _ = env.sign_in("user@example.org", Role::User).await;
    let other = env.sign_in("other@example.org", Role::Admin).await;
    let token = env.limited("user@example.org", NewToken::default()).await;
    let others = env.limited("other@example.org", NewToken::default()).await;
    for keep in [true, false] {
        assert!(env.holder(&token).await.is_some());
        let password = SecretString::new(PASSWORD);
        let accounts = env.postern.accounts();
        let reset = accounts.reset_password(&other, "user@example.org", password, keep);
        reset.await.expect("resets");
        assert_eq!(env.holder(&token).await.is_some(), keep);
    }
    assert!(env.holder(&others).await.is_some());
}

async fn a_token_of_a_user_with_the_scope_admin_is_no_administrator(env: TestEnv) {
    let ann = env.sign_in("ann@example.org", Role::User).await;
    let new = NewToken {
        name: "app".to_owned(),
        scopes: vec!["admin".to_owned()],
        ..NewToken::default()
    };
    // It is for the settings of a relay of one's own.
    let token = env.postern.accounts().create_token(&ann, new).await;
    let holder = env.holder(&token.expect("made")).await.expect("valid");
    assert!(holder.administers().is_err());
}

async fn a_person_manages_the_own_tokens_only(env: TestEnv) {
    let ann = env.sign_in("ann@example.org", Role::User).await;
    let _ = env.admin().await;
    let accounts = env.postern.accounts();
    let own = |scopes: &[&str]| NewToken {
        name: "app".to_owned(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        ..NewToken::default()
    };
    let token = accounts.create_token(&ann, own(&[])).await.expect("made");
    let others = NewToken::new("admin@example.org", "app");
    let refused = accounts.create_token(&ann, others).await;
    assert_eq!(refused.expect_err("a user").kind, Kind::Forbidden);
    let holder = env.holder(&token).await.expect("valid");
    let refused = accounts.create_token(&holder, own(&[])).await;
    assert_eq!(refused.expect_err("a user's").kind, Kind::Forbidden);
    assert_eq!(
        accounts.tokens(&holder).await.expect_err("a user's").kind,
        Kind::Forbidden
    );

    let admins = env.limited("admin@example.org", NewToken::default()).await;
    let listed = accounts.tokens(&ann).await.expect("lists");
    assert_eq!(listed.len(), 1);
    let all = accounts.tokens(&Actor::local(0)).await.expect("lists");
    let other = all
        .iter()
        .find(|token| token.account.email == "admin@example.org");
    let refused = accounts
        .revoke_token(&ann, &other.expect("listed").id)
        .await;
    assert_eq!(refused.expect_err("another's").kind, Kind::NotFound);
    let revoked = accounts.revoke_token(&ann, &listed[0].id).await;
    revoked.expect("revokes");
    assert!(env.holder(&token).await.is_none());
    assert!(env.holder(&admins).await.is_some());
    assert!(accounts.own_tokens(&ann).await.expect("lists").is_empty());
}

async fn an_account_has_100_tokens_in_use_and_10_new_ones_a_minute(env: TestEnv) {
    let ann = env.sign_in("ann@example.org", Role::User).await;
    let _ = env.admin().await;
    let accounts = env.postern.accounts();
    let create = async |number: usize| {
        let new = NewToken {
            name: format!("app {number}"),
            expires_days: (number == 0).then_some(1),
            ..NewToken::default()
        };
        accounts.create_token(&ann, new).await
    };
    let mut made = 0;
    while made < 100 {
        match create(made).await {
            Ok(_) => made += 1,
            Err(refusal) => {
                assert_eq!((refusal.kind, made % 10), (Kind::TooMany, 0), "{refusal}");
                assert!(refusal.retry_after.is_some_and(|wait| wait > 0));
                let others = NewToken::new("admin@example.org", "app");
                let other = accounts.create_token(&Actor::local(0), others).await;
                other.expect("another account");
                env.pass(Duration::from_secs(60));
            }
        }
    }
    env.pass(Duration::from_secs(60));
    let refusal = create(100).await.expect_err("the 101st");
    assert_eq!(refusal.kind, Kind::Invalid);
    assert!(refusal.fields["name"].contains("Revoke"), "{refusal}");
    let listed = accounts.tokens(&ann).await.expect("lists");
    assert_eq!(listed.len(), 100);
    // Only those in use count: neither revoked nor expired.
    let last = listed.iter().find(|token| token.name == "app 99");
    let revoked = accounts.revoke_token(&ann, &last.expect("listed").id).await;
    revoked.expect("revokes");
    create(101).await.expect("room again");
    create(102).await.expect_err("full again");
    env.pass(Duration::from_hours(24));
    let ann = env.sign_in("ann@example.org", Role::User).await;
    let new = NewToken {
        name: "app 103".to_owned(),
        ..NewToken::default()
    };
    let created = accounts.create_token(&ann, new).await;
    created.expect("one has expired");
}

async fn a_page_shows_the_newest_100_tokens_and_their_number(env: TestEnv) {
    let ann = env.sign_in("ann@example.org", Role::User).await;
    // As of a time without a limit.
    env.tamper(
        "WITH digits (d) AS (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) \
         INSERT INTO token (id, account_id, name, secret, scopes, created_at, expires_at, senders) \
         SELECT '000' || a.d || b.d || c.d, account.id, 'old ' || a.d || b.d || c.d, \
         's' || a.d || b.d || c.d, 'send', 0, 1, '' \
         FROM digits a, digits b, digits c, account WHERE account.email = 'ann@example.org'",
    )
    .await;
    let accounts = env.postern.accounts();
    let new = NewToken {
        name: "new".to_owned(),
        ..NewToken::default()
    };
    accounts.create_token(&ann, new).await.expect("made");
    let newest = accounts.newest_tokens(&ann).await.expect("lists");
    let names: Vec<_> = newest.tokens.iter().map(|token| &token.name).collect();
    assert_eq!((newest.number, names.len()), (1001, 100));
    assert_eq!(names[..2], ["new", "old 999"]);
}

async fn the_forms_of_tokens_are_for_people(env: TestEnv) {
    let admin = env.admin().await;
    let token = env.limited("admin@example.org", NewToken::default()).await;
    let holder = env.holder(&token).await.expect("valid");
    let accounts = env.postern.accounts();
    let new = || NewToken {
        name: "app".to_owned(),
        ..NewToken::default()
    };
    let refused = accounts.create_own_token(&holder, new()).await;
    assert_eq!(refused.expect_err("a program").kind, Kind::Forbidden);
    let listed = accounts.tokens(&admin).await.expect("lists");
    let id = &listed.first().expect("listed").id;
    let refused = accounts.revoke_own_token(&holder, id).await;
    assert_eq!(refused.expect_err("a program").kind, Kind::Forbidden);
    let other = env.sign_in("other@example.org", Role::Admin).await;
    let refused = accounts.revoke_own_token(&other, id).await;
    assert_eq!(refused.expect_err("another's").kind, Kind::NotFound);
    let own = accounts.create_own_token(&admin, new()).await;
    own.expect("a person");
    let revoked = accounts.revoke_own_token(&admin, id).await;
    revoked.expect("a person");
    assert!(env.holder(&token).await.is_none());
}

stories! {
    both {
        a_page_shows_the_newest_100_tokens_and_their_number;
        the_forms_of_tokens_are_for_people;
        an_account_has_100_tokens_in_use_and_10_new_ones_a_minute;
        a_token_has_the_rights_of_its_account_until_revoked;
        a_scope_limits_what_a_token_of_an_administrator_may_do;
        a_token_sends_only_from_its_senders;
        a_token_gives_its_mail_a_priority_and_limits_it;
        a_token_expires;
        the_last_use_of_a_token_is_listed_to_the_minute;
        a_password_reset_revokes_tokens_unless_they_are_kept;
        a_person_manages_the_own_tokens_only;
        a_token_of_a_user_with_the_scope_admin_is_no_administrator;
    }
}
