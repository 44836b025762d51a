//! The networks of administrators: which are refused, and how a lock-out by mistake is prevented.

use std::time::Duration;

use domain::account::Role;
use domain::{Kind, Refusal, SecretString};
use engine::{AccountSession, Actor, Login, NetworksChange, NewToken, Origin, Postern};

use crate::environment::{PASSWORD, TestEnv};

const ADMIN: &str = "admin@example.org";
const USER: &str = "user@example.org";
const OFFICE: &str = "192.0.2.7";
const ELSEWHERE: &str = "203.0.113.9";

fn from(address: &str) -> Origin {
    Origin {
        address: address.parse().ok(),
        ..Origin::default()
    }
}

fn networks(texts: &[&str]) -> NetworksChange {
    NetworksChange {
        networks: texts.iter().map(|text| (*text).to_owned()).collect(),
        confirm_lockout: false,
    }
}

/// The text of a refusal from another network, which names none that is allowed.
fn expect_elsewhere(refused: Result<(), Refusal>) {
    let refusal = refused.expect_err("from another network");
    assert_eq!(refusal.kind, Kind::Forbidden);
    assert!(
        refusal.text().contains("certain networks only"),
        "{refusal}"
    );
    for network in ["192.0.2", "2001:db8"] {
        assert!(!refusal.text().contains(network), "{refusal}");
    }
}

impl TestEnv {
    async fn login_from(&self, email: &str, origin: &Origin) -> Result<Login, Refusal> {
        let accounts = self.postern.accounts();
        accounts
            .login(email, SecretString::new(PASSWORD), origin)
            .await
    }

    /// The actor of a new session from an address.
    async fn signed_in_from(&self, email: &str, address: &str) -> Actor {
        let (origin, accounts) = (from(address), self.postern.accounts());
        let login = self.login_from(email, &origin).await.expect("signs in");
        let secret = ulid::Ulid::new().to_string();
        let begun = accounts.begin_session(&secret, &login, &origin);
        begun.await.expect("begins");
        let actor = accounts.session_actor(&secret, origin).await;
        actor.expect("asks").expect("is signed in")
    }

    /// The actor of a new token with these scopes, or all, from an address.
    async fn token_from(&self, email: &str, scopes: &[&str], address: &str) -> Actor {
        let accounts = self.postern.accounts();
        let new = NewToken {
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            ..NewToken::new(email, "app")
        };
        let token = accounts.create_token(&Actor::local(0), new).await;
        let token = token.expect("a token");
        let actor = accounts.token_actor(&token, from(address)).await;
        actor.expect("asks").expect("a token in use")
    }

    async fn allow_networks(&self, texts: &[&str]) {
        let (accounts, local) = (self.postern.accounts(), Actor::local(0));
        let set = accounts.set_administrator_networks(&local, networks(texts));
        set.await.expect("sets");
    }
}

async fn administrators_are_refused_from_other_networks_and_nobody_else_is(env: TestEnv) {
    let _ = (env.admin().await, env.sign_in(USER, Role::User).await);
    let accounts = env.postern.accounts();
    let admin = env.signed_in_from(ADMIN, ELSEWHERE).await;
    accounts.admit(&admin).await.expect("from everywhere");
    assert!(accounts.is_current(&admin).await.expect("asks"));

    env.allow_networks(&["192.0.2.0/24", "2001:db8::/32"]).await;
    expect_elsewhere(accounts.admit(&admin).await);
    let is_current = accounts.is_current(&admin).await.expect("asks");
    assert!(!is_current, "open live views end");
    for scopes in [&["read"][..], &["admin"], &[]] {
        let token = env.token_from(ADMIN, scopes, ELSEWHERE).await;
        expect_elsewhere(accounts.admit(&token).await);
    }
    let loopback = env.token_from(ADMIN, &[], "127.0.0.1").await;
    expect_elsewhere(accounts.admit(&loopback).await);
    let from_office = [
        env.signed_in_from(ADMIN, OFFICE).await,
        env.token_from(ADMIN, &[], "2001:db8:7::1").await,
        env.token_from(ADMIN, &[], "::ffff:192.0.2.7").await,
    ];
    let others = [
        env.token_from(ADMIN, &["send"], ELSEWHERE).await,
        env.signed_in_from(USER, ELSEWHERE).await,
        env.token_from(USER, &[], ELSEWHERE).await,
        Actor::local(0),
        Actor::local_sender(Some(1000)),
    ];
    for actor in from_office.iter().chain(&others) {
        accounts.admit(actor).await.expect("is admitted");
        assert!(accounts.is_current(actor).await.expect("asks"));
    }

    env.pass(Duration::from_secs(60));
    accounts.touch(&admin).await.expect("asks");
    let local = Actor::local(0);
    let listed = accounts.all_sessions(&local, ADMIN).await.expect("lists");
    let is_used = |listed: &AccountSession| listed.session.last_used != listed.session.begun;
    assert!(
        !listed.sessions.iter().any(is_used),
        "no use from elsewhere"
    );

    env.allow_networks(&[]).await;
    accounts.admit(&admin).await.expect("everywhere again");
    let trail = env.postern.audit().trail(&Actor::local(0), 100).await;
    let trail = trail.expect("rows");
    let done = trail.iter().filter(|row| row.action == "change policy");
    let done: Vec<&str> = done.map(|row| row.detail.as_str()).collect();
    let expected = [
        "administrators from everywhere",
        "administrators from 192.0.2.0/24, 2001:db8::/32",
    ];
    assert_eq!(done, expected);
    let refused = trail
        .iter()
        .rfind(|row| row.action == "admit administrator");
    let refused = refused.expect("an audit row");
    assert_eq!((&*refused.actor, &*refused.origin), (ADMIN, ELSEWHERE));
    assert_eq!(refused.outcome, "refused (403)");
}

async fn an_administrator_signs_in_from_the_networks_only(env: TestEnv) {
    let _ = (env.admin().await, env.sign_in(USER, Role::User).await);
    let accounts = env.postern.accounts();
    let (office, elsewhere) = (from(OFFICE), from(ELSEWHERE));
    let before = env.login_from(ADMIN, &elsewhere).await.expect("signs in");
    env.allow_networks(&["192.0.2.0/24"]).await;

    expect_elsewhere(env.login_from(ADMIN, &elsewhere).await.map(drop));
    expect_elsewhere(accounts.begin_session("early", &before, &elsewhere).await);
    let found = accounts.session_actor("early", elsewhere.clone()).await;
    assert!(found.expect("asks").is_none(), "there is no session");
    // A guess learns nothing of the networks.
    let wrong = SecretString::new("wrong");
    let wrong = accounts.login(ADMIN, wrong, &elsewhere).await;
    assert_eq!(wrong.expect_err("wrong").kind, Kind::Unauthenticated);
    let trail = env.postern.audit().trail(&Actor::local(0), 10).await;
    let trail = trail.expect("rows");
    let mut rows = trail.iter().map(|row| (&*row.action, &*row.outcome));
    assert!(rows.any(|row| row == ("login", "refused (403)")));

    env.login_from(ADMIN, &office)
        .await
        .expect("from the office");
    env.login_from(USER, &elsewhere).await.expect("a user");
}

async fn the_own_address_is_locked_out_only_when_confirmed(env: TestEnv) {
    let _ = env.admin().await;
    let accounts = env.postern.accounts();
    let admin = env.signed_in_from(ADMIN, OFFICE).await;
    let token = env.token_from(ADMIN, &["admin"], OFFICE).await;
    for actor in [&admin, &token] {
        let refused = accounts.set_administrator_networks(actor, networks(&["10.0.0.0/8"]));
        let refused = refused.await.expect_err("locks out");
        assert_eq!(refused.kind, Kind::Invalid);
        let text = &refused.fields["confirm_lockout"];
        assert!(text.contains(OFFICE), "{text}");
    }
    let wrong = accounts.set_administrator_networks(&admin, networks(&["office"]));
    let wrong = wrong.await.expect_err("no network");
    assert!(wrong.fields["networks"].contains("“office”"), "{wrong}");
    let now = accounts.administrator_networks(&admin).await;
    assert_eq!(now, Ok(Vec::new()), "nothing was changed");

    let with_own = ["10.1.2.3/8", "192.0.2.7"];
    let set = accounts.set_administrator_networks(&admin, networks(&with_own));
    let stored = vec!["10.0.0.0/8".to_owned(), OFFICE.to_owned()];
    assert_eq!(set.await, Ok(stored.clone()));
    let now = accounts.administrator_networks(&admin).await;
    assert_eq!(now, Ok(stored));
    accounts.admit(&admin).await.expect("still admitted");

    let confirmed = NetworksChange {
        confirm_lockout: true,
        ..networks(&["10.0.0.0/8"])
    };
    let set = accounts.set_administrator_networks(&admin, confirmed).await;
    assert_eq!(set, Ok(vec!["10.0.0.0/8".to_owned()]));
    expect_elsewhere(accounts.admit(&admin).await);
    // On the machine itself nobody is locked out.
    env.allow_networks(&[]).await;
    accounts.admit(&admin).await.expect("recovered");
}

async fn other_actors_neither_read_nor_change_the_networks(env: TestEnv) {
    let user = env.sign_in(USER, Role::User).await;
    let read_only = env.token_from(USER, &["read"], OFFICE).await;
    let accounts = env.postern.accounts();
    for actor in [&user, &read_only] {
        let read = accounts.administrator_networks(actor).await;
        assert_eq!(read.expect_err("refused").kind, Kind::Forbidden);
        let set = accounts.set_administrator_networks(actor, networks(&["0.0.0.0/0"]));
        assert_eq!(set.await.expect_err("refused").kind, Kind::Forbidden);
    }
}

async fn other_nodes_follow_within_a_second(env: TestEnv) {
    let _ = env.admin().await;
    let other = Postern::open(env.config.clone()).await.expect("opens");
    let admin = env.signed_in_from(ADMIN, ELSEWHERE).await;
    other.accounts().admit(&admin).await.expect("everywhere");
    env.allow_networks(&["192.0.2.0/24"]).await;
    env.pass(Duration::from_secs(1));
    expect_elsewhere(other.accounts().admit(&admin).await);
    other.close().await;
}

stories! {
    both {
        administrators_are_refused_from_other_networks_and_nobody_else_is;
        an_administrator_signs_in_from_the_networks_only;
        the_own_address_is_locked_out_only_when_confirmed;
        other_actors_neither_read_nor_change_the_networks;
        other_nodes_follow_within_a_second;
    }
}
