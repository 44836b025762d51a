//! Tests of what each actor may do.

use domain::{SendingQuota, Timestamp};

use super::*;

fn holder(role: Role, scopes: &str) -> Actor {
    let account = Account {
        id: "1".to_owned(),
        email: "a@example.org".to_owned(),
        role,
    };
    let token = Token {
        id: "2".to_owned(),
        name: "app".to_owned(),
        scopes: TokenScope::parse_all(scopes),
        created_at: Timestamp(0),
        revoked_at: None,
        expires_at: None,
        last_used_at: None,
        senders: Vec::new(),
        any_sender: false,
        priorities: PriorityLimits::default(),
        quota: SendingQuota::default(),
        account,
    };
    Actor::token(token, "3".to_owned(), Origin::default())
}

#[test]
fn a_token_is_limited_by_its_scopes_and_account() {
    for (role, scopes, administers, sends) in [
        (Role::Admin, "admin send", true, true),
        (Role::Admin, "admin", true, false),
        (Role::Admin, "send", false, true),
        (Role::Admin, "read", false, false),
        (Role::User, "admin send", false, true),
        (Role::User, "send", false, true),
        (Role::User, "sender administration", false, false),
        (Role::User, "", false, false),
    ] {
        let actor = holder(role, scopes);
        assert_eq!(
            actor.administers().is_ok(),
            administers,
            "{role:?} {scopes}"
        );
        assert_eq!(actor.sends().is_ok(), sends, "{role:?} {scopes}");
    }
    assert!(Actor::local(0).administers().is_ok() && Actor::local(0).sends().is_ok());
}

#[test]
fn accounts_are_for_unlimited_tokens_and_people_for_sessions() {
    let token = |limit: Option<Timestamp>| {
        let mut actor = holder(Role::Admin, "admin");
        if let Identity::Token { token, .. } = &mut actor.identity {
            Arc::make_mut(token).expires_at = limit;
        }
        actor
    };
    for (actor, accounts, people) in [
        (Actor::local(0), true, true),
        (token(None), true, false),
        (token(Some(Timestamp(9))), false, false),
        (holder(Role::Admin, "read"), false, false),
        (holder(Role::User, "admin"), false, false),
    ] {
        assert_eq!(actor.manages_accounts().is_ok(), accounts, "{actor:?}");
        assert_eq!(actor.manages_people().is_ok(), people, "{actor:?}");
    }
}

#[test]
fn postern_itself_submits_mail_and_does_nothing_else() {
    let postern = Actor::postern();
    assert!(postern.sends().is_ok() && postern.submitter() == OWN_MAIL);
    assert!(postern.reads().is_err() && !postern.oversees());
    assert!(postern.administers().is_err() && postern.person().is_err());
    assert_eq!(Actor::local(0).submitter(), "");
}

#[test]
fn programs_without_a_token_submit_mail_and_do_nothing_else() {
    let account = Account {
        id: "1".to_owned(),
        email: "a@example.org".to_owned(),
        role: Role::Admin,
    };
    for (actor, submitter, name, signature) in [
        (
            Actor::sender(account, Origin::default()),
            "1",
            "a@example.org",
            "a@example.org",
        ),
        (
            Actor::local_sender(Some(7)),
            LOCAL_MAIL,
            "local",
            "local (uid 7)",
        ),
        (Actor::local_sender(None), LOCAL_MAIL, "local", "local"),
    ] {
        assert_eq!(
            (actor.submitter(), actor.name(), &*actor.signature()),
            (submitter, name, signature)
        );
        assert!(actor.sends().is_ok(), "{actor:?}");
        assert!(actor.reads().is_err() && !actor.oversees(), "{actor:?}");
        assert!(actor.administers().is_err(), "{actor:?}");
        assert!(actor.manages_accounts().is_err(), "{actor:?}");
        assert!(actor.manages_people().is_err(), "{actor:?}");
        assert!(actor.changes_settings().is_err(), "{actor:?}");
        assert!(actor.changes_own_senders().is_err(), "{actor:?}");
        assert!(actor.person().is_err(), "{actor:?}");
    }
}

#[test]
fn reading_needs_its_scope_and_overseeing_the_role() {
    for (role, scopes, reads, oversees) in [
        (Role::Admin, "admin", true, true),
        (Role::Admin, "send read", true, true),
        (Role::Admin, "send", false, false),
        (Role::User, "read", true, false),
        (Role::User, "send", false, false),
    ] {
        let actor = holder(role, scopes);
        assert_eq!(actor.reads().is_ok(), reads, "{role:?} {scopes}");
        assert_eq!(actor.oversees(), oversees, "{role:?} {scopes}");
        assert_eq!(actor.must_oversee().is_ok(), oversees, "{role:?} {scopes}");
    }
    assert!(Actor::local(0).oversees());
}
