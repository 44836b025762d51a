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
