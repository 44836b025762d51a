//! The queue and the throughput of delivery as facts: name and value.

use std::time::Duration;

use domain::Timestamp;
use domain::outbox::{Overview, RecipientState};

use crate::outbox::format::{age, counted, grouped, took};

/// The number of messages to be sent, and when the oldest was accepted.
fn unsent(overview: &Overview) -> (i64, Option<Timestamp>) {
    let waiting = overview.counts.iter().filter(|count| {
        matches!(
            count.state,
            RecipientState::Queued | RecipientState::Deferred
        )
    });
    let oldest = waiting.clone().filter_map(|count| count.oldest).min();
    (waiting.map(|count| count.number).sum(), oldest)
}

/// A name and its value.
pub type Fact = (&'static str, String);

/// The queue: its length and the age of the oldest message.
pub fn queue(overview: &Overview, now: Timestamp) -> Vec<Fact> {
    let (number, oldest) = unsent(overview);
    let oldest = oldest.map(|oldest| ("Oldest", age(oldest, now)));
    let waiting = [("To be sent", counted(number, "mail"))];
    waiting.into_iter().chain(oldest).collect()
}

/// The rate of all workers, the mean latency from acceptance to delivery, and the workers.
pub fn throughput(overview: &Overview) -> Vec<Fact> {
    let workers = &overview.workers;
    let rate: i64 = workers.iter().map(|worker| worker.per_minute).sum();
    let timed = workers
        .iter()
        .filter_map(|worker| Some((worker.latency?, worker.per_minute.max(1) as u32)));
    let (sum, weight) = timed.fold((Duration::ZERO, 0), |(sum, weight), (latency, mails)| {
        (sum + latency * mails, weight + mails)
    });
    let connections = workers.iter().map(|worker| worker.connections).sum();
    let mut hosts: Vec<&str> = workers.iter().map(|worker| worker.host.as_str()).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let by = match (workers.len(), hosts.as_slice()) {
        (1, [host]) => (*host).to_owned(),
        (number, hosts) => format!("{number} workers on {}", hosts.join(", ")),
    };
    let rate = [("Rate", format!("{} in the last minute", grouped(rate)))];
    let mean = sum.checked_div(weight);
    let latency = mean.map(|mean| ("Latency", took(mean)));
    let by = [(
        "Delivered by",
        format!("{by}, {}", counted(connections, "connection")),
    )];
    rate.into_iter().chain(latency).chain(by).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::outbox::{Count, Worker};

    fn worker(per_minute: i64, latency: u64) -> Worker {
        Worker {
            host: "gate".to_owned(),
            connections: 3,
            per_minute,
            latency: Some(Duration::from_millis(latency)),
            relays: 1,
            backoffs: Vec::new(),
        }
    }

    #[test]
    fn unsent_messages_are_queued_or_deferred() {
        let count = |state, number, oldest| Count {
            state,
            number,
            oldest: Some(Timestamp(oldest)),
        };
        let overview = Overview {
            counts: vec![
                count(RecipientState::Queued, 2, 50),
                count(RecipientState::Deferred, 3, 40),
                count(RecipientState::Failed, 7, 10),
            ],
            ..Overview::default()
        };
        assert_eq!(unsent(&overview), (5, Some(Timestamp(40))));
    }

    #[test]
    fn the_throughput_is_that_of_all_workers() {
        let overview = Overview {
            workers: vec![worker(100, 40), worker(300, 80)],
            ..Overview::default()
        };
        let facts: Vec<String> = throughput(&overview).into_iter().map(|f| f.1).collect();
        assert_eq!(
            facts,
            [
                "400 in the last minute",
                "70 ms",
                "2 workers on gate, 6 connections"
            ]
        );
    }
}
