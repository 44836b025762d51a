//! The sessions of all accounts: listed and ended by administrators.

use std::time::Duration;

use domain::Kind;
use domain::account::Role;
use engine::{AccountSession, Actor, NewToken, Origin};

use crate::environment::TestEnv;

const ANN: &str = "ann@example.org";
const BEN: &str = "ben@example.org";

impl TestEnv {
    /// The sessions that an actor sees, last used first.
    async fn all_sessions(&self, actor: &Actor, text: &str) -> Vec<AccountSession> {
        let accounts = self.postern.accounts();
        let listed = accounts.all_sessions(actor, text).await.expect("lists");
        assert!(!listed.more);
        listed.sessions
    }

    async fn signed_in(&self, actor: &Actor) -> bool {
        let accounts = self.postern.accounts();
        accounts.is_current(actor).await.expect("asks")
    }
}

fn emails(listed: &[AccountSession]) -> Vec<&str> {
    let emails = listed.iter().map(|listed| listed.account.email.as_str());
    emails.collect()
}

async fn administrators_see_every_session_and_end_one(env: TestEnv) {
    let admin = env.admin().await;
    let minute = Duration::from_secs(60);
    env.pass(minute);
    let ann = env.sign_in(ANN, Role::User).await;
    env.pass(minute);
    let ben = env.sign_in(BEN, Role::User).await;
    let listed = env.all_sessions(&admin, "").await;
    assert_eq!(emails(&listed), [BEN, ANN, "admin@example.org"]);
    let current = listed.iter().filter(|listed| listed.session.current);
    let current: Vec<&str> = current
        .map(|listed| listed.account.email.as_str())
        .collect();
    assert_eq!(current, ["admin@example.org"]);
    let begun = |at: usize| listed[at].session.begun;
    assert!(begun(0).saturating_since(begun(1)) >= minute);
    assert_eq!(emails(&env.all_sessions(&admin, " ANN@ ").await), [ANN]);
    assert!(env.all_sessions(&admin, "%").await.is_empty());
    let same = env.all_sessions(&Actor::local(0), "").await;
    assert_eq!(same.len(), 3);

    let accounts = env.postern.accounts();
    let of_ann = listed[1].session.id.as_str();
    accounts
        .end_any_session(&admin, of_ann)
        .await
        .expect("ends");
    assert!(!env.signed_in(&ann).await);
    assert!(env.signed_in(&ben).await && env.signed_in(&admin).await);
    for gone in [of_ann, "none", "\0"] {
        let refused = accounts.end_any_session(&admin, gone).await;
        assert_eq!(refused.expect_err("gone").kind, Kind::NotFound);
    }
    // Unused for two hours, a session is listed no more.
    env.pass(Duration::from_hours(2));
    let fresh = env.admin().await;
    let listed = env.all_sessions(&fresh, "").await;
    assert_eq!(emails(&listed), ["admin@example.org"]);
    let trail = env.postern.audit().trail(&fresh, 20).await.expect("rows");
    let ended = trail.iter().filter(|row| row.action == "end session");
    let ended: Vec<(&str, &str)> = ended
        .map(|row| (row.outcome.as_str(), row.detail.as_str()))
        .collect();
    assert!(ended.contains(&("done", ANN)), "{ended:?}");
    assert!(ended.contains(&("refused (404)", "request")), "{ended:?}");
}

async fn administrators_end_all_sessions_of_an_account_but_their_own(env: TestEnv) {
    let admin = env.admin().await;
    let another = env.admin().await;
    let anns = [
        env.sign_in(ANN, Role::User).await,
        env.sign_in(ANN, Role::User).await,
    ];
    let ben = env.sign_in(BEN, Role::User).await;
    let accounts = env.postern.accounts();
    let id = async |email: &str| {
        let account = accounts.read_by_email(&admin, email).await;
        account.expect("an account").id
    };
    let ended = accounts.end_sessions_of(&admin, &id(ANN).await).await;
    assert_eq!(ended, Ok(2));
    for ann in &anns {
        assert!(!env.signed_in(ann).await);
    }
    assert!(env.signed_in(&ben).await);
    let own = id("admin@example.org").await;
    assert_eq!(accounts.end_sessions_of(&admin, &own).await, Ok(1));
    assert!(env.signed_in(&admin).await && !env.signed_in(&another).await);
    let unknown = accounts.end_sessions_of(&admin, "nobody").await;
    assert_eq!(unknown.expect_err("no account").kind, Kind::NotFound);
    let trail = env.postern.audit().trail(&admin, 20).await.expect("rows");
    let ended = trail
        .iter()
        .filter(|row| row.outcome == "done" && row.action == "end session");
    let ended: Vec<&str> = ended.map(|row| row.detail.as_str()).collect();
    assert_eq!(
        ended,
        ["admin@example.org: all (1)", "ann@example.org: all (2)"]
    );
}

async fn a_person_ends_all_other_own_sessions(env: TestEnv) {
    let admin = env.admin().await;
    let ann = env.sign_in(ANN, Role::User).await;
    let elsewhere = env.sign_in(ANN, Role::User).await;
    let accounts = env.postern.accounts();
    assert_eq!(accounts.end_other_sessions(&ann).await, Ok(1));
    assert!(env.signed_in(&ann).await && !env.signed_in(&elsewhere).await);
    assert!(env.signed_in(&admin).await, "another account's");
    let local = accounts.end_other_sessions(&Actor::local(0)).await;
    assert_eq!(local.expect_err("no session").kind, Kind::Forbidden);
    let trail = env.postern.audit().trail(&admin, 20).await.expect("rows");
    let row = trail.iter().find(|row| row.detail == "others (1)");
    let row = row.expect("an audit row");
    assert_eq!((&*row.actor, &*row.action), (ANN, "end session"));
}

async fn sessions_of_others_are_for_signed_in_administrators(env: TestEnv) {
    let admin = env.admin().await;
    let ann = env.sign_in(ANN, Role::User).await;
    let accounts = env.postern.accounts();
    let token = accounts.create_token(&admin, NewToken::new("admin@example.org", "app"));
    let token = token.await.expect("a token");
    let token = accounts.token_actor(&token, Origin::default()).await;
    let token = token.expect("asks").expect("a token in use");
    let listed = env.all_sessions(&admin, "admin").await;
    let (session, account) = (&listed[0].session.id, &listed[0].account.id);
    for actor in [&ann, &token] {
        for refused in [
            accounts.all_sessions(actor, "").await.map(drop),
            accounts.end_any_session(actor, session).await,
            accounts.end_sessions_of(actor, account).await.map(drop),
        ] {
            let refusal = refused.expect_err("refused");
            assert_eq!(refusal.kind, Kind::Forbidden, "{}", actor.name());
        }
    }
    assert!(env.signed_in(&admin).await);
}

stories! {
    both {
        administrators_see_every_session_and_end_one;
        administrators_end_all_sessions_of_an_account_but_their_own;
        a_person_ends_all_other_own_sessions;
        sessions_of_others_are_for_signed_in_administrators;
    }
}
