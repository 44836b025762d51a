//! One run of a scenario: its nodes, the producers, and the comparison in the end.

use super::{
    cluster::{Cluster, IN_DOUBT},
    mail::{
        ledger::{Comparison, Receipt, Submission, compare, numbers},
        producers::{Producers, SubmissionLog},
        webhook::CrashWebhook,
    },
    scenarios::Scenario,
};
use crate::{
    console,
    rig::{
        environment::Environment, http::Client, metrics::Metrics, postern::Postern, random::Random,
    },
};
use anyhow::Result;
use serde_json::Value;
use std::{sync::Arc, thread::sleep, time::Duration};

/// Range of the delay between a start and the next event, in milliseconds.
pub const DELAY_MS: (u64, u64) = (100, 1500);

/// Number of undelivered mails above which producers pause: enough to keep every connection busy.
pub const MAX_BACKLOG: u64 = 400;

/// Limit for delivering the rest after the last event. Leased mail waits for its lease to expire.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(120);

/// Of so many acknowledged mails the relay refuses some.
const ENOUGH: usize = 500;

/// The result of a run.
pub struct RunResult {
    pub comparison: Comparison,
    /// The mails that can be in doubt at one event.
    pub in_doubt: usize,
    /// The longest time until other nodes had delivered the mail of one that was gone.
    pub takeover: Option<Duration>,
}

pub fn run(
    environment: &mut Environment,
    scenario: &Scenario,
    times: usize,
    random: &mut Random,
) -> Result<RunResult> {
    let deadlocks = environment.deadlocks();
    let log = SubmissionLog::new(MAX_BACKLOG);
    let webhook = scenario
        .has_webhook
        .then(|| CrashWebhook::start(environment.folder()));
    let webhook = webhook.transpose()?;
    let (layout, shared) = (&scenario.layout, Arc::clone(&log));
    let mut cluster = Cluster::start(environment, layout, shared, webhook.as_ref())?;
    let entrances = cluster.entrances()?;
    let producers = Producers::start(log, &entrances, &cluster.token, random);
    producers.wait_for_first()?;
    for left in (0..times).rev() {
        cluster.wait_for_load(scenario.mails)?;
        sleep(Duration::from_millis(
            random.between(DELAY_MS.0, DELAY_MS.1),
        ));
        cluster.is_last = left == 0;
        (scenario.event)(&mut cluster, random)?;
    }
    cluster.wait_for_load(scenario.mails)?;
    sleep(Duration::from_millis(DELAY_MS.0));
    producers.stop()?;
    let node = cluster.alive()?;
    drain(node)?;
    let submissions = cluster.log.submissions();
    let in_doubt = IN_DOUBT * scenario.victims;
    let receipts = cluster.relay.receipts();
    let mut client = Client::with_token(node.address, &cluster.token)?;
    let mut comparison = verify(&mut client, &submissions, &receipts, in_doubt)?;
    if let Some(webhook) = &webhook {
        comparison.faults.extend(webhook.faults(&submissions));
        console::note(&format!(
            "the webhook received {} events",
            webhook.received()
        ));
    }
    let deadlocks = cluster.environment.deadlocks() - deadlocks;
    if deadlocks > 0 {
        let fault = format!("{deadlocks} deadlocks in PostgreSQL");
        comparison.faults.push(fault);
    }
    Ok(RunResult {
        comparison,
        in_doubt,
        takeover: (!cluster.takeover.is_zero()).then_some(cluster.takeover),
    })
}

/// Waits until a node reports that nothing is undelivered.
pub fn drain(node: &Postern) -> Result<()> {
    let undelivered = || {
        let mut client = Client::connect(node.address, "")?;
        anyhow::Ok(Metrics::read(&mut client)?.undelivered())
    };
    node.wait("an empty queue in the end", DRAIN_TIMEOUT, || {
        undelivered().is_ok_and(|undelivered| undelivered == 0)
    })
}

/// Compares submissions with what the relay received, and with what Postern recorded. `in_doubt` is as for
/// [`compare`].
pub fn verify(
    client: &mut Client,
    submissions: &[Submission],
    receipts: &[Receipt],
    in_doubt: usize,
) -> Result<Comparison> {
    let mut comparison = compare(submissions, receipts, in_doubt);
    if comparison.acknowledged >= ENOUGH && comparison.reported == 0 {
        let fault = "the relay refused nothing: lost reports would go unnoticed";
        comparison.faults.push(fault.to_owned());
    }
    let unrecorded = unrecorded(client, submissions)?;
    comparison.faults.extend(unrecorded);
    Ok(comparison)
}

/// Faults for recipients that are not recorded as delivered, or as failed where the relay refuses them, in a
/// sample of up to 300 mails.
fn unrecorded(client: &mut Client, submissions: &[Submission]) -> Result<Vec<String>> {
    const SAMPLE: usize = 300;
    let acknowledged = submissions.iter();
    let acknowledged: Vec<_> = acknowledged
        .filter_map(|mail| Some((mail, mail.id()?)))
        .collect();
    let step = acknowledged.len().div_ceil(SAMPLE).max(1);
    let mut faults = Vec::new();
    for (mail, id) in acknowledged.into_iter().step_by(step) {
        let answer = client.get(&format!("/api/messages/{id}"))?;
        let text = answer.text();
        if !is_recorded(mail, &answer.json()?["data"]["recipients"]) {
            faults.push(format!(
                "{id} is not recorded as delivered or failed: {text}"
            ));
        }
    }
    Ok(faults)
}

/// Whether these recipients, as the REST API reports them, have the states that the relay gave them.
fn is_recorded(mail: &Submission, recipients: &Value) -> bool {
    let Some(recipients) = recipients.as_array() else {
        return false;
    };
    let mut states = recipients.iter().map(|one| {
        let (_, recipient) = numbers(one["address"].as_str()?)?;
        let expected = match mail.is_refused(recipient) {
            true => "failed",
            false => "delivered",
        };
        Some(one["state"] == expected)
    });
    recipients.len() as u64 == mail.recipients && states.all(|matches| matches == Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crash::mail::ledger::Outcome;
    use serde_json::json;

    #[test]
    fn recipients_are_recorded_as_the_relay_replied() {
        let mail = Submission {
            number: 7,
            recipients: 2,
            refused: 1,
            batch: 7,
            names_webhook: false,
            outcome: Outcome::Unknown,
        };
        let addresses = mail.addresses();
        let [first, second] = &addresses[..] else {
            panic!("two addresses");
        };
        let row = |address: &str, state: &str| json!({ "address": address, "state": state });
        let (delivered, failed) = (row(first, "delivered"), row(second, "failed"));
        assert!(is_recorded(&mail, &json!([delivered, failed])));
        assert!(!is_recorded(&mail, &json!([delivered])));
        for (one, other) in [("delivered", "delivered"), ("delivered", "queued")] {
            let rows = json!([row(first, one), row(second, other)]);
            assert!(!is_recorded(&mail, &rows), "{one} {other}");
        }
        assert!(!is_recorded(&mail, &Value::Null));
    }
}
