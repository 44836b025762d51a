//! Messages not yet written to a relay that reads slowly: a pause, a save and a lost lease.

use std::time::Duration;

use engine::{Actor, Submission, Submissions};
use tokio::time::Instant;

use crate::environment::{TestEnv, execute};
use crate::outbox::{TestWorker, WorkerLimits, mail};
use crate::wait::wait_for;
use testkit::{Relay, RelayScript};

/// So many go out behind each other to one relay.
const MAILS: usize = 32;

/// The most of them that are begun while the relay does not read, of 240 KB each: its own buffer and that
/// of the sender take less than 5 MB.
const BEGUN: usize = 20;

const SUBJECT: &str = "END Subject: Large";

/// A relay that takes several mails at once, as is known of it, and stops at the end of the first large
/// one. The large ones wait.
async fn slow(env: &TestEnv, admin: &Actor) -> (Relay, Vec<String>) {
    let relay = Relay::start(RelayScript::chunking().narrow());
    env.save(admin, &relay).await;
    let works = TestWorker::begin(env, 1);
    let mails = (0..8).map(|_| mail(&["desk@example.net"], "Small"));
    let mails = Submissions::Many(mails.collect());
    let accepted = env.postern.outbox().accept(admin, mails, None).await;
    let ids = accepted.expect("accepted").ids;
    env.until_delivered(admin, &ids).await;
    works.end().await;
    relay.stall();
    let text = format!("{}\n", "x".repeat(70)).repeat(240_000 / 71);
    let large = || Submission {
        text: Some(text.clone()),
        ..mail(&["desk@example.net"], "Large")
    };
    let mails = Submissions::Many((0..MAILS).map(|_| large()).collect());
    let accepted = env.postern.outbox().accept(admin, mails, None).await;
    (relay, accepted.expect("accepted").ids)
}

async fn a_pause_takes_back_what_is_not_begun(env: TestEnv) {
    let admin = env.admin().await;
    let (relay, ids) = slow(&env, &admin).await;
    let works = TestWorker::begin(&env, 1);
    relay.wait_for(SUBJECT, 1).await;
    let outbox = env.postern.outbox();
    outbox.pause_delivery(&admin, true).await.expect("paused");
    // The worker releases what it has taken back.
    wait_for("leased messages that are begun", async || {
        let mut leased = 0;
        for id in &ids {
            let message = outbox.message(&admin, id).await.expect("there");
            leased += usize::from(message.recipients[0].leased);
        }
        (leased <= BEGUN).then_some(()).ok_or(leased)
    })
    .await;
    relay.reset();
    works.end().await;
    let begun = relay.count(SUBJECT);
    assert!((1..=BEGUN).contains(&begun), "{begun}");

    outbox.pause_delivery(&admin, false).await.expect("resumed");
    let works = TestWorker::begin(&env, 1);
    env.until_delivered(&admin, &ids).await;
    works.end().await;
    assert_eq!(relay.count(SUBJECT), MAILS, "each once");
}

async fn a_save_takes_back_what_is_not_begun(env: TestEnv) {
    let admin = env.admin().await;
    let (relay, ids) = slow(&env, &admin).await;
    let works = TestWorker::begin(&env, 1);
    relay.wait_for(SUBJECT, 1).await;
    let next = Relay::start(RelayScript::chunking());
    env.save(&admin, &next).await;
    // The old one does not read meanwhile.
    next.wait_for_mails(MAILS - BEGUN).await;
    relay.reset();
    env.until_delivered(&admin, &ids).await;
    works.end().await;
    let (old, new) = (relay.count(SUBJECT), next.count(SUBJECT));
    assert!((1..=BEGUN).contains(&old), "{old}");
    assert_eq!(old + new, MAILS, "each once");
}

async fn a_lost_lease_takes_back_what_is_not_written(env: TestEnv) {
    let admin = env.admin().await;
    let (relay, ids) = slow(&env, &admin).await;
    let lease = Duration::from_secs(2);
    let limits = WorkerLimits {
        lease,
        ..WorkerLimits::connections(1)
    };
    let works = TestWorker::with(&env, limits);
    relay.wait_for(SUBJECT, 1).await;
    // What another worker would write.
    let soon = env.clock.now() + Duration::from_secs(50);
    let ids = ids.join("', '");
    let claim = format!(
        "UPDATE recipient SET owner = 'another', due_at = {} WHERE message_id IN ('{ids}')",
        soon.0
    );
    execute(&mut env.connection().await, &claim).await;
    let begun = Instant::now();
    wait_for("the end of the leases", async || match begun.elapsed() {
        passed if passed > 2 * lease => Ok(()),
        passed => Err(passed),
    })
    .await;
    let connections = relay.record().connections;
    relay.reset();
    // The connection ends within the mail of which a part is written.
    let after = env
        .submit_mail(&admin, &["desk@example.net"], "After")
        .await;
    env.until_delivered(&admin, [&after]).await;
    works.end().await;
    let begun = relay.count(SUBJECT);
    assert!((1..=BEGUN).contains(&begun), "{begun}");
    assert_eq!(relay.record().connections, connections + 1);
}

stories! {
    both {
        a_pause_takes_back_what_is_not_begun;
        a_save_takes_back_what_is_not_begun;
        a_lost_lease_takes_back_what_is_not_written;
    }
}
