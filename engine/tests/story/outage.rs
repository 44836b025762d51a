//! A database that goes away in the middle of things, and comes back.

use std::time::Duration;

use domain::Kind;
use tokio::time::timeout;

use crate::outbox::Works;
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
