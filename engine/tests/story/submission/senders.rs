//! Sender addresses: what an account may send from, confirmed by mail or added by an administrator.

use std::time::Duration;

use domain::account::Role;
use domain::settings::PasswordChange;
use domain::{Kind, Refusal};
use engine::{
    AccountChange, Actor, NewToken, Origin, Postern, RequestedSender, SenderState, SenderView,
    Submission, Submissions,
};
use testkit::Relay;

use crate::account_mail::token;
use crate::environment::TestEnv;
use crate::own_relay::{own_form, relay};
use crate::wait::wait_for;

const ANN: &str = "ann@example.org";
const TEAM: &str = "team@example.net";

fn from(address: &str) -> Submission {
    Submission {
        from: Some(address.to_owned()),
        to: vec!["desk@example.net".to_owned()],
        text: Some("Hello.".to_owned()),
        ..Submission::default()
    }
}

fn raw(header: &str) -> Submission {
    Submission {
        text: None,
        raw: Some(format!("{header}\r\n\r\nHello.\r\n").into_bytes()),
        ..from(ANN)
    }
}

/// Submits one message to a node.
async fn submit(postern: &Postern, actor: &Actor, one: Submission) -> Result<(), Refusal> {
    let one = Submissions::One(Box::new(one));
    let accepted = postern.outbox().accept(actor, one, None).await;
    accepted.map(drop)
}

impl TestEnv {
    /// Lets an account send from an address or a domain, as an administrator does.
    pub async fn allow(&self, email: &str, sender: &str) -> SenderView {
        let id = self.id_of(email).await;
        let senders = self.postern.senders();
        let added = senders.add_for(&Actor::local(0), &id, sender).await;
        added.expect("added")
    }

    async fn id_of(&self, email: &str) -> String {
        let accounts = self.postern.accounts();
        let found = accounts.read_by_email(&Actor::local(0), email).await;
        found.expect("an account").id
    }

    async fn sends(&self, actor: &Actor, one: Submission) -> Result<(), Refusal> {
        submit(&self.postern, actor, one).await
    }

    /// The state of an address in the list of an account, as an administrator sees it.
    async fn state(&self, email: &str, address: &str) -> Option<SenderState> {
        let id = self.id_of(email).await;
        let senders = self.postern.senders();
        let listed = senders.of_account(&Actor::local(0), &id).await;
        let mut listed = listed.expect("lists").into_iter();
        let found = listed.find(|sender| sender.address == address);
        found.map(|sender| sender.state)
    }

    async fn confirm(&self, token: &str) -> Result<RequestedSender, Refusal> {
        let senders = self.postern.senders();
        senders.confirm(token, &Origin::default()).await
    }
}

/// The token of the link in the mail with this number.
async fn mailed(relay: &Relay, number: usize) -> String {
    let mails = relay.wait_for_mails(number).await;
    token(&mails[number - 1])
}

async fn an_account_sends_from_its_own_address_and_no_other(env: TestEnv) {
    let ann = env.sign_in(ANN, Role::User).await;
    for allowed in [
        from(ANN),
        from("Ann <ANN@Example.org>"),
        raw("From: Ann <ann@example.org>"),
        raw("Subject: Without an author"),
    ] {
        let sent = env.sends(&ann, allowed).await;
        sent.expect("the own address");
    }
    for (refused, field) in [
        (from("ceo@example.org"), "from"),
        (from("ann@mail.example.org"), "from"),
        (raw("From: ceo@example.org"), "from"),
        (raw("From: ann@example.org, ceo@example.org"), "from"),
        (
            raw("From: ann@example.org\r\nSender: ceo@example.org"),
            "raw",
        ),
        (
            Submission {
                from: Some("ceo@example.org".to_owned()),
                ..raw("From: ann@example.org")
            },
            "from",
        ),
        (
            Submission {
                headers: vec![("Sender".to_owned(), "ceo@example.org".to_owned())],
                ..from(ANN)
            },
            "headers",
        ),
    ] {
        let refusal = env.sends(&ann, refused).await.expect_err("another address");
        assert_eq!(refusal.kind, Kind::Invalid);
        let text = refusal.fields.get(field).expect("the field");
        assert!(text.contains("sends only from ann@example.org"), "{text}");
        assert!(text.contains("(/senders)"), "{text}");
    }
    let many = Submissions::Many(vec![from(ANN), from("ceo@example.org")]);
    let refused = env.postern.outbox().accept(&ann, many, None).await;
    let refusal = refused.expect_err("one of them");
    assert!(refusal.fields.contains_key("[1].from"), "{refusal}");
    // Administrators would permit it to themselves.
    for actor in [env.admin().await, Actor::local(0)] {
        let sent = env.sends(&actor, from("ceo@example.org")).await;
        sent.expect("any address");
    }
}

async fn the_from_address_of_the_queue_is_always_allowed(env: TestEnv) {
    let (admin, ann) = (env.admin().await, env.sign_in(ANN, Role::User).await);
    let without = || Submission {
        from: None,
        ..from(ANN)
    };
    let refusal = env.sends(&ann, without()).await.expect_err("no settings");
    assert!(refusal.fields["from"].contains("Set the field from"));
    let (organisation, own) = (relay(), relay());
    env.save(&admin, &organisation).await;
    for allowed in [without(), from("Alerts <alerts@example.org>")] {
        env.sends(&ann, allowed).await.expect("the organisation's");
    }
    // The organisation's relays may take the mail of an own relay over.
    let saved = env.save_own(&ann, own_form(&own), PasswordChange::Keep);
    let refusal = saved.await.expect_err("another's address");
    let text = &refusal.fields["from_address"];
    assert!(text.contains("only from ann@example.org. Add"), "{text}");
    let added = env.allow(ANN, "ann@example.com").await;
    let saved = env.save_own(&ann, own_form(&own), PasswordChange::Keep);
    saved.await.expect("saved");
    for allowed in [without(), from("ann@example.com"), from(ANN)] {
        env.sends(&ann, allowed).await.expect("that of its relay");
    }
    let refused = env.sends(&ann, from("alerts@example.org")).await;
    let refusal = refused.expect_err("its mail waits in another queue");
    let text = &refusal.fields["from"];
    assert!(text.contains("ann@example.org, ann@example.com"), "{text}");
    let removed = env.postern.senders().remove(&ann, &added.id).await;
    removed.expect("removed");
    let refused = env.sends(&ann, without()).await;
    assert_eq!(refused.expect_err("removed").kind, Kind::Invalid);
}

async fn an_address_is_confirmed_once_by_its_mailed_link(env: TestEnv) {
    let (admin, ann) = (env.admin().await, env.sign_in(ANN, Role::User).await);
    let (relay, worker) = env.mail_leaves(&admin).await;
    let senders = env.postern.senders();
    let added = senders
        .add(&ann, " Team@example.net ")
        .await
        .expect("asked");
    assert_eq!(added.state, SenderState::Waiting);
    let refused = env.sends(&ann, from(TEAM)).await;
    assert_eq!(refused.expect_err("not yet").kind, Kind::Invalid);

    let token = mailed(&relay, 1).await;
    let mail = &relay.wait_for_mails(1).await[0];
    assert_eq!(mail.to, ["Team@example.net"]);
    assert_eq!(mail.from, "alerts@example.org");
    assert!(mail.data.contains("ann@example.org asks to send mail from"));
    assert!(mail.data.contains("http://gate.example/senders/confirm?"));
    let asked = senders.asked(&token).await.expect("asks");
    let expected = RequestedSender {
        account: ANN.to_owned(),
        address: "Team@example.net".to_owned(),
    };
    assert_eq!(asked.as_ref(), Some(&expected));
    let refused = env.sends(&ann, from(TEAM)).await;
    refused.expect_err("to look at the page confirms nothing");

    assert_eq!(env.confirm(&token).await, Ok(expected));
    env.sends(&ann, from(TEAM)).await.expect("confirmed");
    let other = env.sends(&ann, from("other@example.net")).await;
    other.expect_err("another address of the domain");
    let used = env.confirm(&token).await.expect_err("used");
    assert_eq!(used.kind, Kind::Forbidden);
    assert_eq!(senders.asked(&token).await, Ok(None));
    let again = senders.add(&ann, TEAM).await.expect_err("there already");
    assert_eq!(again.kind, Kind::Conflict);
    let listed = senders.own(&ann).await.expect("lists");
    let by = listed[1].added.as_ref().map(|added| added.by.as_str());
    assert_eq!(by, Some(ANN), "its own name");
    let listed: Vec<_> = listed
        .iter()
        .map(|sender| (sender.address.as_str(), sender.state))
        .collect();
    let expected = [
        (ANN, SenderState::Own),
        ("Team@example.net", SenderState::Confirmed),
    ];
    assert_eq!(listed, expected);

    let trail = env.postern.audit().trail(&admin, 100).await.expect("rows");
    for (actor, action, outcome) in [
        (ANN, "add sender", "done"),
        ("Team@example.net", "confirm sender", "done"),
        ("mailed link", "confirm sender", "refused (403)"),
        (ANN, "add sender", "refused (409)"),
    ] {
        let mut rows = trail.iter();
        let found =
            rows.any(|row| (&*row.actor, &*row.action, &*row.outcome) == (actor, action, outcome));
        assert!(found, "{actor} {action} {outcome}");
    }
    worker.end().await;
}

async fn a_link_ends_after_seven_days_and_with_a_newer_one(env: TestEnv) {
    let (admin, ann) = (env.admin().await, env.sign_in(ANN, Role::User).await);
    let (relay, worker) = env.mail_leaves(&admin).await;
    let senders = env.postern.senders();
    let added = senders.add(&ann, TEAM).await.expect("asked");
    let first = mailed(&relay, 1).await;
    let again = senders.send_again(&ann, &added.id).await.expect("asked");
    assert_eq!(again.id, added.id);
    let second = mailed(&relay, 2).await;
    let older = env.confirm(&first).await.expect_err("a newer one ends it");
    assert_eq!(older.kind, Kind::Forbidden);
    worker.end().await;
    env.pass(Duration::from_secs(7 * 86_400 - 1));
    assert!(senders.asked(&second).await.expect("asks").is_some());
    env.pass(Duration::from_secs(2));
    let late = env.confirm(&second).await.expect_err("expired");
    assert_eq!(late.kind, Kind::Forbidden);
    assert_eq!(env.state(ANN, TEAM).await, Some(SenderState::Expired));
    let refused = env.sends(&ann, from(TEAM)).await;
    refused.expect_err("not confirmed");
}

async fn an_administrator_adds_addresses_and_whole_domains(env: TestEnv) {
    let (admin, ann) = (env.admin().await, env.sign_in(ANN, Role::User).await);
    let senders = env.postern.senders();
    let id = env.id_of(ANN).await;
    let added = senders.add_for(&admin, &id, "News.Example").await;
    let added = added.expect("added");
    assert!(added.is_domain && added.state == SenderState::Administrator);
    assert_eq!(added.added.expect("a stamp").by, "admin@example.org");
    senders
        .add_for(&admin, &id, TEAM)
        .await
        .expect("an address");
    for allowed in ["any@news.example", "Desk <DESK@NEWS.example>", TEAM] {
        env.sends(&ann, from(allowed)).await.expect("allowed");
    }
    for refused in ["any@sub.news.example", "other@example.net"] {
        let refusal = env.sends(&ann, from(refused)).await.expect_err("not of it");
        let text = &refusal.fields["from"];
        assert!(text.contains("every address of News.Example"), "{text}");
    }
    for (actor, account, sender, kind) in [
        (&admin, &*id, "@news.example", Kind::Conflict),
        (&admin, &*id, "ANN@example.org", Kind::Conflict),
        (&admin, &*id, "nobody@", Kind::Invalid),
        (
            &admin,
            "01JD0000000000000000000000",
            "a.example",
            Kind::NotFound,
        ),
        (&ann, &*id, "a.example", Kind::Forbidden),
    ] {
        let refused = senders.add_for(actor, account, sender).await;
        assert_eq!(refused.expect_err("refused").kind, kind, "{sender}");
    }
    let domain = senders.add(&ann, "a.example").await;
    let refusal = domain.expect_err("for administrators");
    assert!(refusal.fields["address"].contains("administrator"));
    let disable = AccountChange {
        disabled: Some(true),
        ..AccountChange::default()
    };
    let disabled = env.postern.accounts().change(&admin, &id, disable).await;
    disabled.expect("disabled");
    let refused = senders.add_for(&admin, &id, "a.example").await;
    assert_eq!(refused.expect_err("disabled").kind, Kind::Conflict);
}

async fn what_waits_for_its_confirmation_is_added_by_an_administrator(env: TestEnv) {
    let (admin, ann) = (env.admin().await, env.sign_in(ANN, Role::User).await);
    let (relay, worker) = env.mail_leaves(&admin).await;
    env.postern.senders().add(&ann, TEAM).await.expect("asked");
    let token = mailed(&relay, 1).await;
    env.allow(ANN, TEAM).await;
    assert_eq!(env.state(ANN, TEAM).await, Some(SenderState::Administrator));
    env.sends(&ann, from(TEAM)).await.expect("added");
    let late = env.confirm(&token).await.expect_err("nothing waits");
    assert_eq!(late.kind, Kind::Forbidden);
    worker.end().await;
}

/// Waits until a node accepts mail of an account from an address, or refuses it.
async fn until_sends(node: &Postern, actor: &Actor, address: &str, expected: bool) {
    wait_for("the other node to follow", async || {
        let sent = submit(node, actor, from(address)).await;
        match sent.is_ok() == expected {
            true => Ok(()),
            false => Err(sent),
        }
    })
    .await;
}

async fn a_removal_counts_at_once_and_on_other_nodes_within_a_second(env: TestEnv) {
    let ann = env.sign_in(ANN, Role::User).await;
    let other = Postern::open(env.config.clone()).await.expect("opens");
    let refused = submit(&other, &ann, from(TEAM)).await;
    refused.expect_err("nothing is added");
    let added = env.allow(ANN, "example.net").await;
    env.sends(&ann, from(TEAM)).await.expect("added");
    until_sends(&other, &ann, TEAM, true).await;
    let senders = env.postern.senders();
    senders.remove(&ann, &added.id).await.expect("removed");
    let refused = env.sends(&ann, from(TEAM)).await;
    assert_eq!(refused.expect_err("removed").kind, Kind::Invalid);
    until_sends(&other, &ann, TEAM, false).await;
    let again = senders.remove(&ann, &added.id).await.expect_err("gone");
    assert_eq!(again.kind, Kind::NotFound);
    other.close().await;
}

async fn only_a_token_of_an_administrator_sends_from_any_address(env: TestEnv) {
    let admin = env.admin().await;
    let _ = env.sign_in(ANN, Role::User).await;
    let _ = env.sign_in("second@example.org", Role::Admin).await;
    let accounts = env.postern.accounts();
    let new = |email: &str, any_sender: bool| NewToken {
        scopes: vec!["send".to_owned()],
        any_sender,
        ..NewToken::new(email, "app")
    };
    let refused = accounts.create_token(&admin, new(ANN, true)).await;
    let refusal = refused.expect_err("a user's");
    assert!(refusal.fields.contains_key("any_sender"), "{refusal}");
    let holder = async |any_sender: bool| {
        let new = new("second@example.org", any_sender);
        let token = accounts.create_token(&admin, new).await.expect("made");
        let actor = env.holder(&token).await.expect("valid");
        (token, actor)
    };
    let (_, limited) = holder(false).await;
    env.sends(&limited, from("second@example.org"))
        .await
        .expect("its own");
    let refused = env.sends(&limited, from("ceo@example.org")).await;
    refused.expect_err("it was not made so");
    let (token, any) = holder(true).await;
    env.sends(&any, from("ceo@example.org")).await.expect("any");

    let id = env.id_of("second@example.org").await;
    let change = async |role: Role| {
        let change = AccountChange {
            role: Some(role),
            ..AccountChange::default()
        };
        let changed = accounts.change(&admin, &id, change).await;
        changed.expect("changed");
        env.holder(&token).await.expect("it sends")
    };
    for role in [Role::User, Role::Admin] {
        let holder = change(role).await;
        let refused = env.sends(&holder, from("ceo@example.org")).await;
        assert_eq!(
            refused.expect_err("no more").kind,
            Kind::Invalid,
            "{role:?}"
        );
        let own = env.sends(&holder, from("second@example.org")).await;
        own.expect("its own");
    }
}

async fn the_addresses_of_an_account_are_its_own(env: TestEnv) {
    let ann = env.sign_in(ANN, Role::User).await;
    let bob = env.sign_in("bob@example.org", Role::User).await;
    let added = env.allow(ANN, TEAM).await;
    let refused = env.sends(&bob, from(TEAM)).await;
    refused.expect_err("it is Ann's");
    let refused = env.sends(&bob, from(ANN)).await;
    refused.expect_err("it is Ann's own");
    let senders = env.postern.senders();
    let listed = senders.own(&bob).await.expect("lists");
    assert_eq!(listed.len(), 1);
    let listed = senders.own(&ann).await.expect("lists").remove(1);
    let by = listed.added.expect("a stamp").by;
    assert_eq!(by, "an administrator", "it has no name for users");
    let id = env.id_of(ANN).await;
    for refused in [
        senders.remove(&bob, &added.id).await,
        senders.send_again(&bob, &added.id).await.map(drop),
        senders.remove(&bob, "a\0b").await,
    ] {
        assert_eq!(refused.expect_err("not theirs").kind, Kind::NotFound);
    }
    for refused in [
        senders.of_account(&bob, &id).await.map(drop),
        senders.remove_for(&bob, &id, &added.id).await,
        senders.own(&Actor::local(0)).await.map(drop),
        senders.add(&Actor::local(0), TEAM).await.map(drop),
    ] {
        assert_eq!(refused.expect_err("not theirs").kind, Kind::Forbidden);
    }
    let of_bob = env.id_of("bob@example.org").await;
    let local = Actor::local(0);
    let refused = senders.remove_for(&local, &of_bob, &added.id).await;
    assert_eq!(refused.expect_err("another's").kind, Kind::NotFound);
    env.sends(&ann, from(TEAM)).await.expect("still there");
    // Programs that just send change none.
    let sends = NewToken {
        scopes: vec!["send".to_owned(), "read".to_owned()],
        ..NewToken::new(ANN, "app")
    };
    let token = env.postern.accounts().create_token(&local, sends).await;
    let holder = env.holder(&token.expect("made")).await.expect("valid");
    assert_eq!(senders.own(&holder).await.expect("reads").len(), 2);
    let refused = senders.remove(&holder, &added.id).await;
    assert_eq!(refused.expect_err("it sends").kind, Kind::Forbidden);
}

async fn confirmations_are_limited_by_account_and_address(env: TestEnv) {
    let (admin, ann) = (env.admin().await, env.sign_in(ANN, Role::User).await);
    let senders = env.postern.senders();
    let down = senders.add(&ann, TEAM).await.expect_err("no relay");
    assert_eq!(down.kind, Kind::Unavailable);
    assert_eq!(env.state(ANN, TEAM).await, None, "nothing waits");
    let (_relay, worker) = env.mail_leaves(&admin).await;
    for _ in 0..3 {
        senders.add(&ann, TEAM).await.expect("asked");
    }
    let bob = env.sign_in("bob@example.org", Role::User).await;
    for actor in [&ann, &bob] {
        let refusal = senders.add(actor, TEAM).await.expect_err("the fourth");
        assert_eq!(refusal.kind, Kind::TooMany);
        assert!(refusal.retry_after.is_some_and(|wait| wait > 3000));
    }
    // Those that were refused count for the account.
    for number in 0..6 {
        let address = format!("{number}@example.net");
        senders.add(&ann, &address).await.expect("asked");
    }
    let refusal = senders.add(&ann, "6@example.net").await;
    let refusal = refusal.expect_err("the eleventh");
    assert_eq!(refusal.kind, Kind::TooMany);
    senders.add(&bob, "6@example.net").await.expect("another's");
    worker.end().await;
}

stories! {
    both {
        an_account_sends_from_its_own_address_and_no_other;
        the_from_address_of_the_queue_is_always_allowed;
        an_address_is_confirmed_once_by_its_mailed_link;
        a_link_ends_after_seven_days_and_with_a_newer_one;
        an_administrator_adds_addresses_and_whole_domains;
        what_waits_for_its_confirmation_is_added_by_an_administrator;
        a_removal_counts_at_once_and_on_other_nodes_within_a_second;
        only_a_token_of_an_administrator_sends_from_any_address;
        the_addresses_of_an_account_are_its_own;
        confirmations_are_limited_by_account_and_address;
    }
}
