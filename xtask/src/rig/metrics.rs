//! Postern's counters from `/metrics` (Prometheus text format 0.0.4).

use super::http::{Client, expect};
use anyhow::Result;
use std::collections::HashMap;

/// States of recipients that are not delivered yet.
const UNDELIVERED: [&str; 2] = ["queued", "deferred"];

#[derive(Debug)]
pub struct Metrics(HashMap<String, f64>);

impl Metrics {
    pub fn read(client: &mut Client) -> Result<Self> {
        let answer = expect(client.get("/metrics")?, 200, "metrics")?;
        Ok(Self::parse(&answer.text()))
    }

    fn parse(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let pairs = samples.filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Self(pairs.collect())
    }

    /// The sample with this name and these labels, as written; 0 if there is none.
    pub fn get(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// A histogram without labels, as counted since the start of the process.
    pub fn histogram(&self, name: &str) -> MetricHistogram {
        let start = format!("{name}_bucket{{le=\"");
        let buckets = self.0.iter().filter_map(|(sample, count)| {
            let bound = sample.strip_prefix(&start)?.strip_suffix("\"}")?;
            // Rust parses `+Inf` too.
            Some((bound.parse().ok()?, *count as u64))
        });
        let mut buckets: Vec<(f64, u64)> = buckets.collect();
        buckets.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        MetricHistogram {
            buckets,
            sum: self.get(&format!("{name}_sum")),
        }
    }

    /// Number of messages accepted since the start of the process.
    pub fn accepted(&self) -> u64 {
        self.get("postern_accepted_total") as u64
    }

    pub fn delivered(&self) -> u64 {
        self.get("postern_delivered_total") as u64
    }

    /// Number of recipients in a state.
    pub fn queue(&self, state: &str) -> u64 {
        self.get(&format!("postern_queue{{state=\"{state}\"}}")) as u64
    }

    /// Number of recipients that are not delivered yet.
    pub fn undelivered(&self) -> u64 {
        UNDELIVERED.iter().map(|state| self.queue(state)).sum()
    }
}

/// A histogram of times in seconds.
#[derive(Debug)]
pub struct MetricHistogram {
    /// Upper bounds, ascending, and the number of times up to each.
    buckets: Vec<(f64, u64)>,
    sum: f64,
}

impl MetricHistogram {
    /// What was counted after `before` was read.
    pub fn since(&self, before: &Self) -> Self {
        let pairs = self.buckets.iter().zip(&before.buckets);
        let buckets = pairs.map(|((bound, now), (_, then))| (*bound, now.saturating_sub(*then)));
        Self {
            buckets: buckets.collect(),
            sum: self.sum - before.sum,
        }
    }

    /// The number of times.
    pub fn number(&self) -> u64 {
        self.buckets.last().map_or(0, |(_, number)| *number)
    }

    /// The mean; 0 without times.
    pub fn mean(&self) -> f64 {
        self.sum / self.number().max(1) as f64
    }

    /// The lowest bound that a share of the times, as in 0.99, is within; infinite where none is high enough, 0
    /// without times.
    pub fn within(&self, share: f64) -> f64 {
        let number = self.number();
        if number == 0 {
            return 0.0;
        }
        let wanted = number as f64 * share;
        let mut buckets = self.buckets.iter();
        let bucket = buckets.find(|(_, number)| *number as f64 >= wanted);
        bucket.map_or(f64::INFINITY, |(bound, _)| *bound)
    }
}

#[test]
fn histograms_are_read_and_subtracted() {
    let text = |counts: [u64; 3], sum: f64| {
        let [first, second, all] = counts;
        let text = format!(
            "# TYPE a_seconds histogram\na_seconds_bucket{{le=\"+Inf\"}} {all}\n\
             a_seconds_bucket{{le=\"0.05\"}} {second}\na_seconds_bucket{{le=\"0.002\"}} {first}\n\
             a_seconds_sum {sum}\na_seconds_count {all}\n"
        );
        Metrics::parse(&text).histogram("a_seconds")
    };
    let (before, after) = (text([7, 8, 9], 6.0), text([16, 18, 19], 6.5));
    let found = after.since(&before);
    assert_eq!(found.number(), 10);
    assert!((found.mean() - 0.05).abs() < 1e-9);
    for (share, expected) in [(0.5, 0.002), (0.9, 0.002), (0.95, 0.05), (1.0, 0.05)] {
        let within = found.within(share);
        assert!(
            (within - expected).abs() < f64::EPSILON,
            "{share}: {within}"
        );
    }
    assert!(after.within(1.0).is_infinite());
    let none = after.since(&after);
    assert_eq!(none.number(), 0);
    assert!(none.within(1.0).abs() < f64::EPSILON && none.mean().abs() < f64::EPSILON);
}

#[test]
fn samples_are_read_with_their_labels() {
    let text = "# TYPE postern_queue gauge\npostern_queue{state=\"queued\"} 7\n\
                postern_queue{state=\"deferred\"} 2\npostern_accepted_total 1009\n\
                postern_delivered_total 1e3\n";
    let metrics = Metrics::parse(text);
    assert_eq!(metrics.undelivered(), 9);
    assert_eq!((metrics.accepted(), metrics.delivered()), (1009, 1000));
    assert!(metrics.get("postern_failed_total").abs() < f64::EPSILON);
}
