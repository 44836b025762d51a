//! A database that goes away in the middle of things, and comes back.

use std::time::Duration;

use domain::Kind;
use domain::outbox::{MessageView, RecipientState};
use tokio::time::timeout;

use crate::outbox::{Works, is};
use crate::place::on_postgres;
use crate::relay::Relay;

#[tokio::test]
async fn a_database_that_is_gone_without_a_word_is_told_and_mail_flows_when_it_is_back() {
    for place in on_postgres().await {
        let (place, wire) = place.over_a_wire().await;
        let (admin, relay) = (place.admin().await, Relay::start().await);
        place.save(&admin, &relay).await;
        let works = Works::begin(&place, 4);
        let lock = place.lock_out().await;
        let meanwhile = async {
            place.until_somebody_waits().await;
            wire.goes_silent();
        };
        let asked = place.keyed(&admin, "k", 1, "Fire");
        let answer = async { tokio::join!(asked, meanwhile).0 };
        let answer = timeout(Duration::from_secs(50), answer).await;
        let refusal = answer.expect("an answer").expect_err("not accepted");
        assert_eq!(refusal.kind, Kind::Unavailable);
        assert!(refusal.retry_after.is_some());
        let said = &refusal.fields["request"];
        assert!(said.contains("whether it was done is not known"), "{said}");

        drop(lock);
        wire.mends();
        let ids = loop {
            // Connections that are gone are found out one by one.
            match place.keyed(&admin, "k", 1, "Fire").await {
                Ok(ids) => break ids,
                Err(refusal) => assert_eq!(refusal.kind, Kind::Unavailable),
            }
        };
        place.until_delivered(&admin, &ids).await;
        works.end().await;
        assert_eq!(relay.subjects(), ["Fire"]);
    }
}

#[tokio::test]
async fn a_database_that_is_not_reached_has_changed_nothing() {
    for place in on_postgres().await {
        let (place, wire) = place.over_a_wire().await;
        let (admin, relay) = (place.admin().await, Relay::start().await);
        place.save(&admin, &relay).await;
        place.hand_over(&admin, &["desk@example.net"], "Fire").await;
        wire.cut();
        let asked = place.keyed(&admin, "k", 1, "Later").await;
        let refusal = asked.expect_err("not accepted");
        assert_eq!(refusal.kind, Kind::Unavailable);
        let said = &refusal.fields["request"];
        assert!(said.contains("nothing was changed"), "{said}");
    }
}

#[tokio::test]
async fn what_a_node_sent_while_the_database_was_away_is_not_sent_by_another() {
    for place in on_postgres().await {
        let (place, wire) = place.over_a_wire().await;
        let (admin, relay) = (place.admin().await, Relay::start().await);
        place.save(&admin, &relay).await;
        relay.thinks();
        let lease = Duration::from_millis(300);
        let one = Works::with_lease(&place, 1, lease);
        let first = place.hand_over(&admin, &["desk@example.net"], "First");
        let first = first.await;
        relay.hears("END", 1).await;
        let (place, other_wire) = place.over_a_wire().await;
        let other = Works::with_lease(&place, 1, lease);

        // It is away, and the first mail is taken meanwhile.
        wire.cut();
        other_wire.cut();
        relay.behaves();
        relay.takes(1).await;
        other_wire.turns_away(6).await;
        other_wire.mends();
        let over = |message: Option<MessageView>| {
            message.is_some_and(|message| !message.recipients[0].leased)
        };
        place.look_until(&admin, &first, over).await;
        let second = loop {
            if let Ok(ids) = place.keyed(&admin, "k", 1, "Second").await {
                break ids;
            }
        };
        // The other delivers, and leaves alone what was the first's.
        place.until_delivered(&admin, &second).await;
        let message = place
            .postern
            .outbox()
            .message(&admin, &first)
            .await
            .expect("there");
        assert_eq!(message.recipients[0].state, RecipientState::Queued);
        wire.mends();
        let delivered = |message: Option<MessageView>| {
            message.is_some_and(|message| is(RecipientState::Delivered)(&message))
        };
        place.look_until(&admin, &first, delivered).await;
        one.end().await;
        other.end().await;
        assert_eq!(relay.subjects(), ["First", "Second"], "each once");
    }
}
