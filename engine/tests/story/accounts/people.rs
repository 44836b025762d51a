//! Administration of accounts: roles, disabling, deletion, and the last administrator.

use domain::account::{AccountState, AccountView, Role};
use domain::{Kind, Label, Refusal, SecretString};
use engine::{AccountChange, Actor, FeedItem, NewToken, Origin, Postern, Submissions};
use futures::future::join_all;

use crate::environment::{PASSWORD, TestEnv, execute, form};
use crate::outbox::mail;
use crate::own_relay::relay;

const DISABLE: AccountChange = AccountChange {
    role: None,
    disabled: Some(true),
};

const ENABLE: AccountChange = AccountChange {
    role: None,
    disabled: Some(false),
};

const MAKE_USER: AccountChange = AccountChange {
    role: Some(Role::User),
    disabled: None,
};

const MAKE_ADMIN: AccountChange = AccountChange {
    role: Some(Role::Admin),
    disabled: None,
};

fn password() -> SecretString {
    SecretString::new(PASSWORD)
}

impl TestEnv {
    async fn account(&self, email: &str) -> AccountView {
        let accounts = self.postern.accounts();
        let found = accounts.read_by_email(&Actor::local(0), email).await;
        found.expect("an account")
    }

    async fn change(
        &self,
        actor: &Actor,
        email: &str,
        change: AccountChange,
    ) -> Result<AccountView, Refusal> {
        let account = self.account(email).await;
        let accounts = self.postern.accounts();
        accounts.change(actor, &account.id, change).await
    }

    /// A token of an account, without limits.
    async fn unlimited_token(&self, email: &str) -> String {
        let (accounts, local) = (self.postern.accounts(), Actor::local(0));
        let token = accounts.create_token(&local, NewToken::new(email, "app"));
        token.await.expect("a token")
    }

    async fn token_actor(&self, token: &str) -> Option<Actor> {
        let accounts = self.postern.accounts();
        let actor = accounts.token_actor(token, Origin::default()).await;
        actor.expect("asks")
    }

    async fn signs_in(&self, email: &str) -> Result<(), Refusal> {
        let origin = Origin::default();
        let login = self.postern.accounts().login(email, password(), &origin);
        login.await.map(drop)
    }
}

async fn a_disabled_account_is_ended_at_once_and_enabled_again(env: TestEnv) {
    let admin = env.admin().await;
    let ann = env.sign_in("ann@example.org", Role::User).await;
    let token = env.unlimited_token("ann@example.org").await;
    assert!(env.token_actor(&token).await.is_some());
    let mut feed = env.watch(&ann).await;
    feed.view().await;

    let disabled = env.change(&admin, "ann@example.org", DISABLE).await;
    assert_eq!(disabled.expect("changes").state, AccountState::Disabled);
    assert!(env.token_actor(&token).await.is_none());
    assert!(matches!(feed.next().await, Some(FeedItem::Expired)));
    let unknown = env.signs_in("nobody@example.org").await;
    assert_eq!(env.signs_in("ann@example.org").await, unknown, "the same");
    let accounts = env.postern.accounts();
    let account = env.account("ann@example.org").await;
    let sessions = accounts.sessions_of(&admin, &account.id).await;
    assert!(sessions.expect("lists").is_empty());
    let new = accounts.create_token(&admin, NewToken::new("ann@example.org", "late"));
    assert!(
        new.await
            .expect_err("disabled")
            .fields
            .contains_key("account")
    );

    let enabled = env.change(&admin, "ann@example.org", ENABLE).await;
    assert_eq!(enabled.expect("changes").state, AccountState::Active);
    assert_eq!(env.signs_in("ann@example.org").await, Ok(()));
    assert!(env.token_actor(&token).await.is_none(), "it stays revoked");
    let trail = env.postern.audit().trail(&admin, 20).await.expect("lists");
    for detail in ["ann@example.org: disabled", "ann@example.org: enabled"] {
        let found = trail.iter().find(|row| row.detail == detail);
        let row = found.expect("an audit row");
        assert_eq!(
            (&*row.actor, &*row.action),
            ("admin@example.org", "change account")
        );
    }
}

async fn mail_of_an_account_that_ended_meanwhile_is_refused(env: TestEnv) {
    let (admin, relay) = (env.admin().await, relay());
    env.save(&admin, &relay).await;
    let other = Postern::open(env.config.clone()).await.expect("opens");
    // Authenticated before, as for a request whose body arrives slowly.
    let ann = env.sign_in("ann@example.org", Role::User).await;
    let gone = env.sign_in("gone@example.org", Role::User).await;
    let submit = async |actor: &Actor| {
        let mail = Submissions::One(Box::new(mail(&["desk@example.net"], "Fire")));
        let accepted = env.postern.outbox().accept(actor, mail, None).await;
        accepted.map(drop).map_err(|refusal| refusal.kind)
    };
    assert_eq!(submit(&ann).await, Ok(()));
    let (local, id) = (Actor::local(0), env.account("ann@example.org").await.id);
    for node in [&env.postern, &other] {
        for (change, expected) in [(DISABLE, Err(Kind::Unauthenticated)), (ENABLE, Ok(()))] {
            let changed = node.accounts().change(&local, &id, change).await;
            changed.expect("changed");
            assert_eq!(submit(&ann).await, expected, "{change:?}");
        }
    }
    let id = env.account("gone@example.org").await.id;
    let deleted = other.accounts().delete(&local, &id).await;
    deleted.expect("deleted");
    assert_eq!(submit(&gone).await, Err(Kind::Unauthenticated));
    let mut connection = env.connection().await;
    let query = sqlx::query_scalar("SELECT COUNT(*) FROM message");
    let stored: i64 = query.fetch_one(&mut connection).await.expect("a number");
    assert_eq!(stored, 3);
    other.close().await;
}

async fn a_login_verified_before_the_account_is_disabled_begins_no_session(env: TestEnv) {
    let admin = env.admin().await;
    let _ = env.sign_in("ann@example.org", Role::User).await;
    let (accounts, origin) = (env.postern.accounts(), Origin::default());
    let login = accounts.login("ann@example.org", password(), &origin).await;
    let login = login.expect("verified");
    let disabled = env.change(&admin, "ann@example.org", DISABLE).await;
    disabled.expect("changes");
    let begun = accounts.begin_session("late", &login, &origin).await;
    assert_eq!(begun.expect_err("disabled").kind, Kind::Unauthenticated);
}

async fn a_changed_role_counts_at_once(env: TestEnv) {
    let admin = env.admin().await;
    let eve = env.sign_in("eve@example.org", Role::Admin).await;
    let token = env.unlimited_token("eve@example.org").await;
    let accounts = env.postern.accounts();
    let mut feed = env.watch(&eve).await;
    feed.view().await;
    let app = env.token_actor(&token).await.expect("valid");
    accounts.list(&app, "").await.expect("an administrator");

    let changed = env.change(&admin, "eve@example.org", MAKE_USER).await;
    assert_eq!(changed.expect("changes").role, Role::User);
    let app = env.token_actor(&token).await.expect("valid");
    let refused = accounts.list(&app, "").await.expect_err("a user");
    assert_eq!(refused.kind, Kind::Forbidden);
    // It showed the mail of all accounts.
    assert!(matches!(feed.next().await, Some(FeedItem::Expired)));
}

async fn a_new_administrator_keeps_tokens_that_only_send(env: TestEnv) {
    let admin = env.admin().await;
    let _ = env.sign_in("ann@example.org", Role::User).await;
    let accounts = env.postern.accounts();
    let token = async |scopes: &[&str]| {
        let new = NewToken {
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            ..NewToken::new("ann@example.org", "app")
        };
        let secret = accounts.create_token(&admin, new).await;
        secret.expect("made")
    };
    let sends = token(&["send"]).await;
    let others = [token(&["read"]).await, token(&["send", "admin"]).await];
    let promoted = AccountChange {
        role: Some(Role::Admin),
        ..AccountChange::default()
    };
    let changed = env.change(&admin, "ann@example.org", promoted).await;
    assert_eq!(changed.expect("changes").role, Role::Admin);
    assert!(env.token_actor(&sends).await.is_some());
    for token in others {
        assert!(env.token_actor(&token).await.is_none(), "it would read all");
    }
}

/// Another request is about to make the account an administrator.
async fn a_token_is_made_for_the_role_that_its_account_has(env: TestEnv) {
    let admin = env.admin().await;
    let _ = env.sign_in("ann@example.org", Role::User).await;
    let accounts = env.postern.accounts();
    let mut other = env.connection().await;
    let statements = "BEGIN; UPDATE account SET role = 'admin' WHERE email = 'ann@example.org'";
    execute(&mut other, statements).await;
    let token = accounts.create_token(&admin, NewToken::new("ann@example.org", "app"));
    let promotion = async {
        env.until_waiting(1).await;
        execute(&mut other, "COMMIT").await;
    };
    let (created, ()) = tokio::join!(token, promotion);
    let refusal = created.expect_err("it would read all");
    assert!(refusal.fields.contains_key("account"), "{refusal}");
}

async fn the_last_administrator_stays_one(env: TestEnv) {
    let admin = env.admin().await;
    let (accounts, mail) = (env.postern.accounts(), env.postern.account_mail());
    let own = env.account("admin@example.org").await;
    // An invited person without a password cannot sign in.
    let invited = mail.invite(&admin, "new@example.org", Role::Admin).await;
    invited.expect("invited");
    let refusals = [
        accounts.change(&admin, &own.id, DISABLE).await.map(drop),
        accounts.change(&admin, &own.id, MAKE_USER).await.map(drop),
        accounts.delete(&admin, &own.id).await,
    ];
    for refused in refusals {
        assert_eq!(refused.expect_err("the last").kind, Kind::Conflict);
    }
    let _ = env.sign_in("ann@example.org", Role::User).await;
    let promoted = env.change(&admin, "ann@example.org", MAKE_ADMIN).await;
    promoted.expect("changes");
    let left = accounts.change(&admin, &own.id, MAKE_USER).await;
    assert_eq!(left.expect("another is there").role, Role::User);
}

/// Two administrators who disable each other, and many who all step down.
async fn one_administrator_stays_when_all_are_changed_together(env: TestEnv) {
    const NUMBER: usize = 4;
    let local = Actor::local(0);
    let accounts = env.postern.accounts();
    for round in 0..3 {
        let mut ids = Vec::new();
        for number in 0..NUMBER {
            let email = format!("admin{round}-{number}@example.org");
            let created = accounts
                .create(&local, &email, Role::Admin, password())
                .await;
            ids.push(created.expect("an account").id);
        }
        if round > 0 {
            let rest = accounts.list(&local, "").await.expect("lists").accounts;
            for old in rest.iter().filter(|old| !ids.contains(&old.id)) {
                accounts
                    .change(&local, &old.id, MAKE_USER)
                    .await
                    .expect("others are there");
            }
        }
        let changes = ids.iter().enumerate().map(|(number, id)| {
            let change = if number % 2 == 0 { DISABLE } else { MAKE_USER };
            let (postern, local, id) = (env.postern.clone(), local.clone(), id.clone());
            tokio::spawn(async move { postern.accounts().change(&local, &id, change).await })
        });
        let changed = join_all(changes).await.into_iter();
        let refused = changed.filter(|done| done.as_ref().expect("no panic").is_err());
        assert_eq!(refused.count(), 1);
        let all = accounts.list(&local, "").await.expect("lists").accounts;
        let left = all
            .iter()
            .filter(|account| account.role == Role::Admin && account.state == AccountState::Active);
        assert_eq!(left.count(), 1);
    }
}

async fn an_account_is_deleted_unless_mail_refers_to_it(env: TestEnv) {
    let admin = env.admin().await;
    let ann = env.sign_in("ann@example.org", Role::User).await;
    let bob = env.sign_in("bob@example.org", Role::User).await;
    let token = env.unlimited_token("bob@example.org").await;
    let sealed = env.sealed("relay secret").await;
    let own = form().with(Label::FromAddress, "bob@example.org");
    let saved = env.save_own(&bob, own, sealed).await;
    saved.expect("saves");
    let submission = engine::Submission {
        from: Some("ann@example.org".to_owned()),
        to: vec!["desk@example.net".to_owned()],
        ..engine::Submission::default()
    };
    let submission = Submissions::One(Box::new(submission));
    let accepted = env.postern.outbox().accept(&ann, submission, None).await;
    accepted.expect("accepted");

    let accounts = env.postern.accounts();
    let (of_ann, of_bob) = (
        env.account("ann@example.org").await.id,
        env.account("bob@example.org").await.id,
    );
    assert_eq!(accounts.is_deletable(&admin, &of_ann).await, Ok(false));
    let refused = accounts
        .delete(&admin, &of_ann)
        .await
        .expect_err("has mail");
    assert_eq!(refused.kind, Kind::Conflict);
    assert!(refused.text().contains("Disable the account instead"));
    assert_eq!(accounts.is_deletable(&admin, &of_bob).await, Ok(true));
    accounts.delete(&admin, &of_bob).await.expect("deletes");
    assert!(env.token_actor(&token).await.is_none());
    let gone = accounts.sessions(&bob).await.expect("asks");
    assert!(gone.is_empty());
    let of_relay: (i64, i64) = sqlx::query_as(
        "SELECT (SELECT COUNT(*) FROM information WHERE scope <> 'global'), \
         (SELECT COUNT(*) FROM revision WHERE scope <> 'global')",
    )
    .fetch_one(&mut env.connection().await)
    .await
    .expect("counts");
    assert_eq!(of_relay, (0, 0), "the settings and revisions of its relay");
    for id in [of_bob.as_str(), "a\0b", ""] {
        let missing = accounts.read(&admin, id).await.expect_err("no account");
        assert_eq!(missing.kind, Kind::NotFound);
    }
    let created = accounts.create(&admin, "bob@example.org", Role::User, password());
    created.await.expect("the address is free");
}

/// Another request is about to remove a sender address of the account.
async fn a_deletion_waits_for_changes_of_what_goes_with_the_account(env: TestEnv) {
    let admin = env.admin().await;
    let _ = env.sign_in("bob@example.org", Role::User).await;
    env.allow("bob@example.org", "team@example.net").await;
    let id = env.account("bob@example.org").await.id;
    let mut other = env.connection().await;
    let statements = "BEGIN; UPDATE routing SET version = version + 1";
    execute(&mut other, statements).await;
    let removal = async {
        env.until_waiting(1).await;
        execute(&mut other, "DELETE FROM sender_identity; COMMIT").await;
    };
    let deletion = env.postern.accounts().delete(&admin, &id);
    let (deleted, ()) = tokio::join!(deletion, removal);
    deleted.expect("deletes");
}

async fn only_administrators_manage_accounts_and_no_limited_token_does(env: TestEnv) {
    let admin = env.admin().await;
    let ann = env.sign_in("ann@example.org", Role::User).await;
    let accounts = env.postern.accounts();
    let app = env.unlimited_token("admin@example.org").await;
    let app = env.token_actor(&app).await.expect("valid");
    let limited = NewToken {
        expires_days: Some(1),
        ..NewToken::new("admin@example.org", "limited")
    };
    let limited = accounts
        .create_token(&admin, limited)
        .await
        .expect("a token");
    let limited = env.token_actor(&limited).await.expect("valid");
    let id = env.account("ann@example.org").await.id;
    let mail = env.postern.account_mail();
    for (actor, number) in [(&ann, "1"), (&limited, "2")] {
        let email = format!("new{number}@example.org");
        let refusals = [
            accounts.change(actor, &id, DISABLE).await.map(drop),
            accounts.delete(actor, &id).await,
            mail.invite(actor, &email, Role::User).await.map(drop),
            accounts
                .create(actor, &email, Role::User, password())
                .await
                .map(drop),
            accounts.sessions_of(actor, &id).await.map(drop),
        ];
        for refused in refusals {
            assert_eq!(refused.expect_err("refused").kind, Kind::Forbidden);
        }
    }
    assert!(accounts.list(&ann, "").await.is_err());
    // What belongs to a person is not for tokens.
    let session = accounts
        .sessions_of(&admin, &id)
        .await
        .expect("lists")
        .remove(0);
    let refusals = [
        accounts.sessions_of(&app, &id).await.map(drop),
        accounts.end_session_of(&app, &id, &session.id).await,
        accounts
            .create(&app, "new@example.org", Role::User, password())
            .await
            .map(drop),
        accounts
            .reset_password(&app, "ann@example.org", password(), true)
            .await,
    ];
    for refused in refusals {
        assert_eq!(refused.expect_err("a token").kind, Kind::Forbidden);
    }
    accounts
        .change(&app, &id, MAKE_ADMIN)
        .await
        .expect("changes");
    accounts
        .end_session_of(&admin, &id, &session.id)
        .await
        .expect("ends");
    let again = accounts.end_session_of(&admin, &id, &session.id).await;
    assert_eq!(again.expect_err("ended").kind, Kind::NotFound);
    let found = accounts.list(&admin, "ANN@").await.expect("lists").accounts;
    assert_eq!(found.len(), 1);
    assert!(
        accounts
            .list(&admin, "%")
            .await
            .expect("lists")
            .accounts
            .is_empty()
    );
}

stories! {
    both {
        a_disabled_account_is_ended_at_once_and_enabled_again;
        mail_of_an_account_that_ended_meanwhile_is_refused;
        a_login_verified_before_the_account_is_disabled_begins_no_session;
        a_changed_role_counts_at_once;
        a_new_administrator_keeps_tokens_that_only_send;
        the_last_administrator_stays_one;
        an_account_is_deleted_unless_mail_refers_to_it;
        only_administrators_manage_accounts_and_no_limited_token_does;
    }
    both_multi_thread {
        one_administrator_stays_when_all_are_changed_together;
    }
    postgres {
        a_token_is_made_for_the_role_that_its_account_has;
        a_deletion_waits_for_changes_of_what_goes_with_the_account;
    }
}
