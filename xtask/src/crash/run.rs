//! One run of a scenario: its nodes, the producers, and the comparison in the end.

use super::{
    cluster::{Cluster, IN_DOUBT},
    ledger::{Comparison, Submission, compare},
    producers::{Producers, SubmissionLog},
    scenario::Scenario,
};
use crate::rig::{
    environment::Environment, http::Client, metrics::Metrics, postern::Postern, random::Random,
};
use anyhow::Result;
use std::{sync::Arc, thread::sleep, time::Duration};

/// Range of the delay between a start and the next event, in milliseconds.
pub const DELAY_MS: (u64, u64) = (100, 1500);

/// Number of undelivered mails above which producers pause: enough to keep every connection busy.
pub const MAX_BACKLOG: u64 = 400;

/// Limit for delivering the rest after the last event. Leased mail waits for its lease to expire.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(120);

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
    let mut cluster = Cluster::start(environment, &scenario.layout, Arc::clone(&log))?;
    let entrances = cluster.entrances();
    let producers = Producers::start(log, &entrances, &cluster.token, random);
    producers.wait_for_first()?;
    for left in (0..times).rev() {
        sleep(Duration::from_millis(
            random.between(DELAY_MS.0, DELAY_MS.1),
        ));
        cluster.is_last = left == 0;
        (scenario.event)(&mut cluster, random)?;
    }
    sleep(Duration::from_millis(DELAY_MS.0));
    producers.stop()?;
    let node = cluster.alive()?;
    drain(node)?;
    let submissions = cluster.log.submissions();
    let in_doubt = IN_DOUBT * scenario.victims;
    let mut comparison = compare(&submissions, &cluster.relay.receipts(), in_doubt);
    let mut client = Client::with_token(node.address, &cluster.token)?;
    let unrecorded = unrecorded(&mut client, &submissions)?;
    comparison.faults.extend(unrecorded);
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

/// Faults for mails that arrived but are not recorded as delivered, in a sample of up to 300.
pub fn unrecorded(client: &mut Client, submissions: &[Submission]) -> Result<Vec<String>> {
    const SAMPLE: usize = 300;
    let acknowledged: Vec<&String> = submissions.iter().filter_map(Submission::id).collect();
    let step = acknowledged.len().div_ceil(SAMPLE).max(1);
    let mut faults = Vec::new();
    for id in acknowledged.into_iter().step_by(step) {
        let answer = client.get(&format!("/api/messages/{id}"))?;
        let text = answer.text();
        let answer = answer.json()?;
        let recipients = answer["data"]["recipients"].as_array();
        let delivered = recipients.is_some_and(|all| {
            let mut states = all.iter().map(|one| &one["state"]);
            !all.is_empty() && states.all(|state| state == "delivered")
        });
        if !delivered {
            faults.push(format!("{id} is not recorded as delivered: {text}"));
        }
    }
    Ok(faults)
}
