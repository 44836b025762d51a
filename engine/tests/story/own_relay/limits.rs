//! The limits of the own relay of an account: it is the account's alone, and has a public address.

use std::time::Duration;

use domain::account::Role;
use domain::diagnosis::event::Outcome;
use domain::outbox::MessageView;
use domain::settings::{PasswordChange, Verification};
use domain::{Event, Fault, Form, Kind, Label, Refusal};
use engine::{Actor, DiagnosisRequest, NewToken, ProbeRequest};
use futures::StreamExt;

use crate::environment::TestEnv;
use crate::outbox::{TestWorker, mail, through};
use crate::own_relay::{TO, own_form, relay};

async fn the_settings_of_an_account_are_its_own(env: TestEnv) {
    let (admin, user) = (env.admin().await, env.user().await);
    let other = env.sign_in("bob@example.org", Role::User).await;
    let own = relay();
    let saved = env.save_own(&user, own_form(&own), PasswordChange::Keep);
    assert_eq!(saved.await, Ok(1));
    let theirs = env
        .postern
        .settings()
        .of_account(&user)
        .expect("an account");
    for stranger in [&admin, &other, &Actor::local(0)] {
        let refusals = [
            theirs.view(stranger).await.err(),
            theirs
                .save(stranger, own_form(&own), PasswordChange::Keep, None)
                .await
                .err(),
            theirs.remove(stranger).await.err(),
        ];
        for refusal in refusals {
            let refusal = refusal.expect("refused");
            assert_eq!(refusal.kind, Kind::Forbidden, "{}", stranger.name());
        }
        let diagnosis = env.postern.diagnosis().of_account(&user).expect("theirs");
        let tested = diagnosis.test(stranger, None, PasswordChange::Keep, TO.to_owned());
        assert_eq!(tested.await.err().expect("refused").kind, Kind::Forbidden);
        let asked = diagnosis.diagnose(stranger, DiagnosisRequest::default());
        assert_eq!(asked.await.err().expect("refused").kind, Kind::Forbidden);
        let asked = ProbeRequest::word("127.0.0.1".to_owned(), String::new());
        let asked = diagnosis.probe(stranger, asked);
        assert_eq!(asked.await.err().expect("refused").kind, Kind::Forbidden);
    }
    let seen = env.postern.settings().account_relay(&other).await;
    let seen = seen.expect("their own");
    assert_eq!((seen.address, seen.own.revision), (None, 0));
    assert!(env.postern.settings().of_account(&Actor::local(0)).is_err());
    let global = env.postern.settings().view(&user).await;
    assert_eq!(
        global.expect_err("for administrators").kind,
        Kind::Forbidden
    );
    let diagnosis = env.postern.diagnosis();
    let tested = diagnosis.test(&user, None, PasswordChange::Keep, TO.to_owned());
    assert_eq!(tested.await.err().expect("refused").kind, Kind::Forbidden);

    // An administrator has one too, and its test verifies it.
    let form = own_form(&own).with(Label::FromAddress, "admin@example.org");
    let saved = env.save_own(&admin, form, PasswordChange::Keep).await;
    assert_eq!(saved, Ok(1));
    let diagnosis = env
        .postern
        .diagnosis()
        .of_account(&admin)
        .expect("an account");
    let events = diagnosis.test(&admin, None, PasswordChange::Keep, TO.to_owned());
    let events: Vec<Event> = events.await.expect("begins").collect().await;
    let Some(Event::Finished(summary)) = events.last() else {
        panic!("{events:?}");
    };
    assert!(matches!(
        summary.outcome,
        Outcome::Sent {
            verified: Some(_),
            ..
        }
    ));
    let state = env.postern.settings().account_relay(&admin).await;
    let verified = state.expect("readable").own.verified;
    assert!(
        matches!(verified, Verification::Verified(_)),
        "{verified:?}"
    );
    let state = env.postern.settings().account_relay(&user).await;
    let verified = state.expect("readable").own.verified;
    assert_eq!(verified, Verification::Never, "that of another account");
}

async fn an_own_relay_has_a_public_address(env: TestEnv) {
    let (admin, user) = (env.admin().await, env.user().await);
    let (organisation, own) = (relay(), relay());
    env.save(&admin, &organisation).await;
    // Postern allows 127.0.0.1 here, and no other address of this machine.
    for host in [
        "127.0.0.2",
        "::1",
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
    ] {
        let form = own_form(&own).with(Label::Host, host);
        let diagnosis = env
            .postern
            .diagnosis()
            .of_account(&user)
            .expect("an account");
        let request = DiagnosisRequest {
            edit: form.into(),
            ..DiagnosisRequest::default()
        };
        let events = diagnosis.diagnose(&user, request).await;
        let events: Vec<Event> = events.expect("begins").collect().await;
        let Some(Event::Finished(summary)) = events.last() else {
            panic!("{events:?}");
        };
        let Outcome::Failed { failure, cause } = &summary.outcome else {
            panic!("{host}: {summary:?}");
        };
        let expected = match host {
            "169.254.169.254" => Fault::AddressNotAllowed,
            _ => Fault::AddressNotPublic,
        };
        assert_eq!(failure.fault, expected, "{host}");
        assert!(cause.is_some(), "{host}: what to do is said");
    }
    env.pass(Duration::from_secs(61));
    let form = own_form(&own).with(Label::Host, "127.0.0.2");
    let diagnosis = env
        .postern
        .diagnosis()
        .of_account(&user)
        .expect("an account");
    let tested = diagnosis.test(
        &user,
        Some(form.clone()),
        PasswordChange::Keep,
        TO.to_owned(),
    );
    let events: Vec<Event> = tested.await.expect("begins").collect().await;
    assert!(
        format!("{events:?}").contains("AddressNotPublic"),
        "{events:?}"
    );
    let asked = ProbeRequest::word("127.0.0.2".to_owned(), String::new());
    let probed = diagnosis.probe(&user, asked).await.expect("begins");
    let events: Vec<_> = probed.collect().await;
    assert!(
        format!("{events:?}").contains("AddressNotPublic"),
        "{events:?}"
    );

    env.set_policy(&admin, true, false).await;
    let saved = env.save_own(&user, form, PasswordChange::Keep).await;
    assert_eq!(saved, Ok(1));
    let works = TestWorker::begin(&env, 4);
    let sent = env.send(&user, mail(&[TO], "Inward")).await;
    let refused = |message: &MessageView| {
        let own = message.waits_for.first();
        own.is_some_and(|relay| relay.backoff.failure.fault == Fault::AddressNotPublic)
    };
    env.until(&user, &sent.ids[0], refused).await;
    assert!(own.accepted().is_empty(), "nothing was sent");
    // The organisation's relays may have internal addresses.
    let elsewhere = through(&organisation).with(Label::Host, "127.0.0.2");
    let saved = env.save_at(&admin, "global", elsewhere, PasswordChange::Keep);
    saved.await.expect("saved");
    let diagnosis = env.postern.diagnosis();
    let asked = diagnosis.diagnose(&admin, DiagnosisRequest::default());
    let events: Vec<Event> = asked.await.expect("begins").collect().await;
    assert!(!format!("{events:?}").contains("AddressNotPublic"));
    works.end().await;
}

async fn a_test_mail_comes_from_a_sender_address_of_the_account(env: TestEnv) {
    let (user, own) = (env.user().await, relay());
    let diagnosis = env.postern.diagnosis().of_account(&user);
    let diagnosis = diagnosis.expect("an account");
    let test = async |form: Option<Form>| {
        let tested = diagnosis.test(&user, form, PasswordChange::Keep, TO.to_owned());
        let events: Vec<Event> = tested.await?.collect().await;
        Ok::<_, Refusal>(events)
    };
    let of = |from: &str| Some(own_form(&own).with(Label::FromAddress, from));
    let refusal = test(of("ceo@example.org")).await.expect_err("another's");
    assert_eq!(refusal.kind, Kind::Invalid);
    let text = &refusal.fields["from_address"];
    let expected = "sends only from ann@example.org, ann@example.com";
    assert!(text.contains(expected), "{text}");
    for from in ["ann@example.com", "ann@example.org"] {
        test(of(from)).await.expect("a sender address");
    }
    let taken = own.wait_for_mails(2).await;
    let senders: Vec<&str> = taken.iter().map(|mail| mail.from.as_str()).collect();
    assert_eq!(senders, ["ann@example.com", "ann@example.org"]);

    // The address of saved settings may be one no more.
    let saved = env.save_own(&user, own_form(&own), PasswordChange::Keep);
    saved.await.expect("saved");
    let senders = env.postern.senders();
    let listed = senders.own(&user).await.expect("lists");
    let removed = senders.remove(&user, &listed[1].id).await;
    removed.expect("removed");
    let refusal = test(None).await.expect_err("removed");
    assert!(refusal.fields.contains_key("from_address"), "{refusal}");
    assert_eq!(own.accepted().len(), 2);
}

async fn diagnoses_are_limited_by_account_and_leave_room_for_administrators(env: TestEnv) {
    let (admin, ann) = (env.admin().await, env.user().await);
    let (organisation, own) = (relay(), relay());
    env.save(&admin, &organisation).await;
    let bob = env.sign_in("bob@example.org", Role::User).await;
    let eve = env.sign_in("eve@example.org", Role::User).await;
    let token = NewToken {
        scopes: ["read", "admin"].map(str::to_owned).to_vec(),
        ..NewToken::new("ann@example.org", "app")
    };
    let accounts = env.postern.accounts();
    let token = accounts.create_token(&Actor::local(0), token).await;
    let app = env.holder(&token.expect("made")).await.expect("valid");
    // It runs while its stream is read, and has its place until that is dropped.
    let begin = async |actor: &Actor| {
        let form = through(&own).with(Label::FromAddress, actor.name());
        let request = DiagnosisRequest {
            edit: form.into(),
            ..DiagnosisRequest::default()
        };
        let diagnosis = env.postern.diagnosis().of_account(actor)?;
        diagnosis.diagnose(actor, request).await
    };
    let refused = async |actor: &Actor, expected: &str| {
        let refusal = begin(actor).await.err().expect("refused");
        assert_eq!(refusal.kind, Kind::TooMany, "{refusal}");
        assert!(refusal.retry_after.is_some(), "{refusal}");
        assert!(refusal.text().contains(expected), "{refusal}");
    };
    let mut held = Vec::new();
    for actor in [&ann, &app, &bob, &bob] {
        held.push(begin(actor).await.expect("one of four"));
    }
    refused(&ann, "At most two of your diagnoses").await;
    refused(&eve, "At most four diagnoses").await;
    let diagnosis = env.postern.diagnosis();
    let asked = diagnosis.diagnose(&admin, DiagnosisRequest::default());
    drop(asked.await.expect("the organisation's relay"));
    drop(held);

    // Two of twelve are used.
    for _ in 0..5 {
        for actor in [&ann, &app] {
            drop(begin(actor).await.expect("one of twelve"));
        }
    }
    for actor in [&ann, &app] {
        refused(actor, "At most twelve diagnoses a minute").await;
    }
    drop(begin(&bob).await.expect("that of another account"));
    env.pass(Duration::from_secs(61));
    drop(begin(&ann).await.expect("a minute later"));
}

stories! {
    both {
        diagnoses_are_limited_by_account_and_leave_room_for_administrators;
        the_settings_of_an_account_are_its_own;
        an_own_relay_has_a_public_address;
        a_test_mail_comes_from_a_sender_address_of_the_account;
    }
}
