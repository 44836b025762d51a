//! What people do with mail that waits: hold, release, retry, cancel; and what they see of it.

use std::time::Duration;

use domain::Kind;
use domain::outbox::{EventKind, MessageAction, RecipientState, Search, Selection};
use domain::view::Role;
use futures::poll;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::outbox::{Works, is};
use crate::place::{on_postgres, places};
use crate::relay::Relay;

fn matching(pairs: &[(&str, &str)]) -> Selection {
    Selection::Matching(Search::read(pairs.iter().copied()).expect("understood"))
}

#[tokio::test]
async fn everything_is_held_until_it_is_released() {
    for place in places().await {
        let (admin, relay) = (place.admin().await, Relay::start().await);
        place.save(&admin, &relay).await;
        let works = Works::begin(&place, 4);
        place
            .postern
            .outbox()
            .pause_delivery(&admin, true)
            .await
            .expect("held");
        let id = place.hand_over(&admin, &["desk@example.net"], "Fire").await;
        let message = place
            .postern
            .outbox()
            .message(&admin, &id)
            .await
            .expect("there");
        assert_eq!(message.recipients[0].state, RecipientState::Held);
        place
            .postern
            .outbox()
            .pause_delivery(&admin, false)
            .await
            .expect("ended");
        let other = place
            .hand_over(&admin, &["desk@example.net"], "Later")
            .await;
        place
            .until(&admin, &other, is(RecipientState::Delivered))
            .await;
        assert_eq!(relay.taken().len(), 1, "what was held stays so");

        let all = matching(&[("state", "held")]);
        assert_eq!(
            place
                .postern
                .outbox()
                .count_act(&admin, MessageAction::Release, &all)
                .await,
            Ok(1)
        );
        assert_eq!(
            place
                .postern
                .outbox()
                .act(&admin, MessageAction::Release, &all, Some(1))
                .await,
            Ok(1)
        );
        let message = place
            .until(&admin, &id, is(RecipientState::Delivered))
            .await;
        let timeline = &message.recipients[0].timeline;
        assert_eq!(
            (timeline[0].kind, timeline[0].by.as_str()),
            (EventKind::Released, "admin@example.org")
        );
        works.end().await;
    }
}

#[tokio::test]
async fn an_act_touches_what_it_is_for_and_no_more_than_was_agreed() {
    for place in places().await {
        let (admin, relay) = (place.admin().await, Relay::start().await);
        place.save(&admin, &relay).await;
        relay.says("RCPT TO:<gone", "550 no");
        let works = Works::begin(&place, 4);
        let mut ids = Vec::new();
        for name in ["gone1", "gone2", "gone3", "desk"] {
            ids.push(
                place
                    .hand_over(&admin, &[&format!("{name}@example.net")], "100% _fire")
                    .await,
            );
        }
        for (index, id) in ids.iter().enumerate() {
            let expected = if index == 3 {
                RecipientState::Delivered
            } else {
                RecipientState::Failed
            };
            place.until(&admin, id, is(expected)).await;
        }
        let failed = matching(&[
            ("address", "GONE"),
            ("subject", "0% _F"),
            ("state", "failed"),
        ]);
        let postern = &place.postern;
        assert_eq!(
            postern
                .outbox()
                .count_act(&admin, MessageAction::Retry, &failed)
                .await,
            Ok(3)
        );
        let refusal = postern
            .outbox()
            .act(&admin, MessageAction::Retry, &failed, Some(2))
            .await;
        assert_eq!(refusal.expect_err("more than agreed").kind, Kind::Conflict);
        assert_eq!(
            postern
                .outbox()
                .count_act(&admin, MessageAction::Retry, &failed)
                .await,
            Ok(3)
        );
        for (act, number) in [
            (MessageAction::Release, 0),
            (MessageAction::Hold, 0),
            (MessageAction::Cancel, 3),
        ] {
            let counted = postern
                .outbox()
                .count_act(&admin, act, &matching(&[]))
                .await;
            assert_eq!(counted, Ok(number), "{act:?}");
        }

        let one = Selection::Message(ids[0].clone());
        assert_eq!(
            postern
                .outbox()
                .act(&admin, MessageAction::Cancel, &one, None)
                .await,
            Ok(1)
        );
        relay.behaves();
        place.pass(Duration::from_secs(10 * 86_400));
        assert_eq!(
            postern
                .outbox()
                .act(&admin, MessageAction::Retry, &failed, Some(2))
                .await,
            Ok(2)
        );
        place.until_delivered(&admin, &ids[1..]).await;
        let cancelled = postern
            .outbox()
            .message(&admin, &ids[0])
            .await
            .expect("there");
        assert_eq!(cancelled.recipients[0].state, RecipientState::Cancelled);
        let trail = postern.audit().trail(&admin, 10).await.expect("a trail");
        assert!(
            trail
                .iter()
                .any(|row| row.action == "retry mail" && row.detail.starts_with("2 of all"))
        );
        works.end().await;
    }
}

#[tokio::test]
async fn users_see_their_own_mail_and_nobody_elses() {
    for place in places().await {
        let (admin, relay) = (place.admin().await, Relay::start().await);
        place.save(&admin, &relay).await;
        let user = place.sign_in("user@example.org", Role::User).await;
        let theirs = place.hand_over(&user, &["desk@example.net"], "Mine").await;
        let others = place
            .hand_over(&admin, &["desk@example.net"], "Not theirs")
            .await;
        let postern = &place.postern;
        assert!(postern.outbox().message(&user, &theirs).await.is_ok());
        let refusal = postern
            .outbox()
            .message(&user, &others)
            .await
            .expect_err("not theirs");
        assert_eq!(refusal.kind, Kind::NotFound);
        let page = postern
            .outbox()
            .page(&user, &Search::default(), None)
            .await
            .expect("a page");
        assert_eq!(
            page.lines.iter().map(|line| &line.id).collect::<Vec<_>>(),
            [&theirs]
        );
        let overview = postern.outbox().overview(&user).await.expect("a look");
        assert_eq!(overview.counts[0].number, 1);
        assert_eq!(
            postern
                .outbox()
                .overview(&admin)
                .await
                .expect("a look")
                .counts[0]
                .number,
            2
        );
        for kind in [
            postern
                .outbox()
                .parsed_message(&user, &theirs)
                .await
                .map(drop),
            postern
                .outbox()
                .act(&user, MessageAction::Cancel, &matching(&[]), None)
                .await
                .map(drop),
            postern
                .outbox()
                .count_act(&user, MessageAction::Cancel, &matching(&[]))
                .await
                .map(drop),
            postern.outbox().pause_delivery(&user, true).await,
            postern.outbox().suppressions(&user, "").await.map(drop),
            postern
                .outbox()
                .remove_suppression(&user, "a@b.example")
                .await,
            postern.outbox().metrics(Some(&user), false).await.map(drop),
        ] {
            assert_eq!(kind.expect_err("for administrators").kind, Kind::Forbidden);
        }
        let letter = postern
            .outbox()
            .parsed_message(&admin, &theirs)
            .await
            .expect("readable");
        assert_eq!(letter.text.as_deref().map(str::trim), Some("Hello."));
    }
}

#[tokio::test]
async fn the_list_is_paged_without_a_gap() {
    for place in places().await {
        let (admin, relay) = (place.admin().await, Relay::start().await);
        place.save(&admin, &relay).await;
        let addresses: Vec<String> = (0..3).map(|n| format!("desk{n}@example.net")).collect();
        let to: Vec<&str> = addresses.iter().map(String::as_str).collect();
        for number in 0..40 {
            place
                .hand_over(&admin, &to, &format!("Mail {number}"))
                .await;
        }
        let mut seen = Vec::new();
        let mut behind = None;
        loop {
            let page = place
                .postern
                .outbox()
                .page(&admin, &Search::default(), behind.as_ref())
                .await;
            let page = page.expect("a page");
            seen.extend(page.lines.into_iter().map(|line| (line.id, line.position)));
            behind = page.next;
            if behind.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), 120);
        assert!(seen.is_sorted_by(|a, b| a > b), "newest first, each once");
    }
}

#[tokio::test]
async fn what_is_done_is_forgotten_in_time_and_what_waits_never() {
    for place in places().await {
        let (admin, relay) = (place.admin().await, Relay::start().await);
        place.save(&admin, &relay).await;
        relay.says("RCPT TO:<gone", "550 no");
        let works = Works::begin(&place, 4);
        let sent = place.hand_over(&admin, &["desk@example.net"], "Sent").await;
        let failed = place
            .hand_over(&admin, &["desk@example.net", "gone@example.net"], "Half")
            .await;
        place
            .until(&admin, &sent, is(RecipientState::Delivered))
            .await;
        place
            .until(&admin, &failed, |message| {
                message.recipients[1].state == RecipientState::Failed
            })
            .await;
        works.end().await;

        place.pass(Duration::from_secs(7 * 86_400 + 60));
        let works = Works::begin(&place, 4);
        place
            .look_until(&admin, &sent, |message| {
                message.is_some_and(|message| !message.kept)
            })
            .await;
        let kept = place
            .postern
            .outbox()
            .message(&admin, &failed)
            .await
            .expect("there");
        assert!(kept.kept, "somebody has yet to look at it");
        works.end().await;

        place.pass(Duration::from_secs(90 * 86_400));
        let works = Works::begin(&place, 4);
        place
            .look_until(&admin, &sent, |message| message.is_none())
            .await;
        assert!(
            place
                .postern
                .outbox()
                .message(&admin, &failed)
                .await
                .expect("there")
                .kept
        );
        works.end().await;
    }
}

#[tokio::test]
async fn an_act_that_is_given_up_at_whatever_moment_leaves_no_transaction_open() {
    for place in on_postgres().await {
        let admin = place.admin().await;
        let (mut steps, mut done) = (0, false);
        while !done {
            let mut act = Box::pin(
                place
                    .postern
                    .outbox()
                    .pause_delivery(&admin, steps % 2 == 0),
            );
            for _ in 0..steps {
                done = poll!(&mut act).is_ready();
                if done {
                    break;
                }
                yield_now().await;
            }
            drop(act);
            let none = place.until_no_transaction_is_idle();
            let left = timeout(Duration::from_secs(10), none).await;
            assert!(left.is_ok(), "one is open, given up after {steps} steps");
            steps += 1;
        }
    }
}
