//! Requests of strangers to reset a password: they neither flood a mailbox nor keep its owner out.

use std::time::Duration;

use testkit::Relay;

use crate::account_mail::{NEW, token};
use crate::environment::{PASSWORD, TestEnv};

const EMAIL: &str = "admin@example.org";
const OWNER: &str = "203.0.113.1";

impl TestEnv {
    async fn pass_minutes(&self, minutes: u64) {
        self.pass(Duration::from_secs(60 * minutes));
        // A worker sends its heartbeat again.
        self.until_outage(None).await;
    }

    /// Requests a link from each of many networks.
    async fn request_from_many(&self) {
        for number in 0..20 {
            let address = format!("198.51.{number}.1");
            let requested = self.request_from(&address, EMAIL).await;
            requested.expect("requested");
        }
    }

    /// Requests three links from other networks. Returns the token of the last.
    async fn three_links(&self, relay: &Relay) -> String {
        let before = relay.accepted().len();
        // One after another, so that the newest mail has the newest link.
        for number in 1..=3 {
            let address = format!("192.0.{number}.1");
            let requested = self.request_from(&address, EMAIL).await;
            requested.expect("requested");
            relay.wait_for_mails(before + number).await;
        }
        token(&relay.accepted()[before + 2])
    }
}

async fn the_newest_of_three_links_works_whatever_strangers_request(env: TestEnv) {
    let admin = env.admin().await;
    let (relay, worker) = env.mail_leaves(&admin).await;
    let newest = env.three_links(&relay).await;
    env.request_from_many().await;
    env.pass_minutes(15).await;
    env.request_from_many().await;
    let requested = env.request_from(OWNER, EMAIL).await;
    assert_eq!(requested, Ok(()), "the owner does not wait");
    env.pass_minutes(13).await;
    let fence = env
        .submit_mail(&admin, &["desk@example.net"], "Fence")
        .await;
    env.until_delivered(&admin, &[fence]).await;
    assert_eq!(relay.accepted().len(), 4, "{:?}", relay.subjects());
    assert_eq!(env.reset(&newest, NEW).await.as_deref(), Ok(EMAIL));
    relay.wait_for_mails(5).await;

    // No link is left: the next request gets one.
    env.request_from(OWNER, EMAIL).await.expect("requested");
    let again = token(&relay.wait_for_mails(6).await[5]);
    assert_eq!(env.reset(&again, PASSWORD).await.as_deref(), Ok(EMAIL));
    worker.end().await;
}

async fn a_link_is_mailed_when_the_newest_of_three_has_expired(env: TestEnv) {
    let admin = env.admin().await;
    let (relay, worker) = env.mail_leaves(&admin).await;
    let newest = env.three_links(&relay).await;
    env.pass_minutes(31).await;
    let accounts = env.postern.accounts();
    assert_eq!(accounts.resettable(&newest).await, Ok(None));
    env.request_from(OWNER, EMAIL).await.expect("requested");
    let next = token(&relay.wait_for_mails(4).await[3]);
    assert_eq!(env.reset(&next, NEW).await.as_deref(), Ok(EMAIL));
    worker.end().await;
}

/// While nothing can be written, a known address gets the same answer as an unknown one.
async fn a_request_is_answered_before_its_account_is_looked_up(env: TestEnv) {
    let admin = env.admin().await;
    let (relay, worker) = env.mail_leaves(&admin).await;
    let lock = env.lock_out().await;
    for email in [EMAIL, "nobody@example.org"] {
        let requested = env.request_from(OWNER, email).await;
        assert_eq!(requested, Ok(()), "{email}");
    }
    drop(lock);
    let mails = relay.wait_for_mails(1).await;
    assert_eq!(mails[0].to, [EMAIL]);
    worker.end().await;
}

stories! {
    both {
        a_request_is_answered_before_its_account_is_looked_up;
        the_newest_of_three_links_works_whatever_strangers_request;
        a_link_is_mailed_when_the_newest_of_three_has_expired;
    }
}
