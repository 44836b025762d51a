//! How much waits to be sent, and how fast mail goes.

use domain::Timestamp;
use domain::outbox::{Overview, RecipientState};

use super::format::{age, counted, grouped, took};

/// How many mails wait to be sent, and since when the oldest does.
fn open(overview: &Overview) -> (i64, Option<Timestamp>) {
    let waiting = overview.counts.iter().filter(|count| {
        matches!(
            count.state,
            RecipientState::Queued | RecipientState::Deferred
        )
    });
    let oldest = waiting.clone().filter_map(|count| count.oldest).min();
    (waiting.map(|count| count.number).sum(), oldest)
}

/// A fact of the standing: what it is, and how much.
pub type Fact = (&'static str, String);

pub fn waiting(overview: &Overview, now: Timestamp) -> Vec<Fact> {
    let (number, oldest) = open(overview);
    let oldest = oldest.map(|oldest| ("Oldest", age(oldest, now)));
    let waiting = [("To be sent", counted(number, "mail"))];
    waiting.into_iter().chain(oldest).collect()
}

/// How fast mail goes: together, and from acceptance to delivery as the average mail sees it.
pub fn pace(overview: &Overview) -> Vec<Fact> {
    let workers = &overview.workers;
    let rate: i64 = workers.iter().map(|worker| worker.per_minute).sum();
    let timed = workers
        .iter()
        .filter_map(|worker| Some((worker.latency?, worker.per_minute.max(1))));
    let (sum, weight) = timed.fold((0, 0), |(sum, weight), (latency, mails)| {
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
    let pace = [("Rate", format!("{} a minute", grouped(rate)))];
    let latency = (weight > 0).then(|| ("Latency", took(sum / weight)));
    let by = [(
        "Delivered by",
        format!("{by}, {}", counted(connections, "connection")),
    )];
    pace.into_iter().chain(latency).chain(by).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::outbox::{Count, Worker};

    fn worker(per_minute: i64, latency: i64) -> Worker {
        Worker {
            host: "gate".to_owned(),
            connections: 3,
            per_minute,
            latency: Some(latency),
            trouble: None,
        }
    }

    #[test]
    fn what_waits_is_what_would_be_sent() {
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
        assert_eq!(open(&overview), (5, Some(Timestamp(40))));
    }

    #[test]
    fn the_pace_is_that_of_all_workers() {
        let overview = Overview {
            workers: vec![worker(100, 40), worker(300, 80)],
            ..Overview::default()
        };
        let facts: Vec<String> = pace(&overview).into_iter().map(|f| f.1).collect();
        assert_eq!(
            facts,
            ["400 a minute", "70 ms", "2 workers on gate, 6 connections"]
        );
    }
}
