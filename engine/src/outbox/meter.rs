//! Counters of this process: accepted, delivered, deferred, failed, connections and latency.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::histogram::{Histogram, HistogramReading, Timer};
use crate::store::{Scope, WRITE_BOUNDS};

/// The upper bounds of the latency histogram.
const LATENCY_BOUNDS: [Duration; 12] = [
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(300),
    Duration::from_secs(3600),
];

/// The minute that rates are computed over, in slots of a second.
const SLOTS: usize = 60;

/// Counts since the start of the process, with atomics and short locks.
pub struct Meter {
    accepted: AtomicU64,
    deferred: AtomicU64,
    failed: AtomicU64,
    /// Open connections by relay, without those that have none.
    connections: Mutex<BTreeMap<Scope, u64>>,
    /// Deliveries, by the time since their acceptance.
    deliveries: Histogram,
    /// Claims of messages, from the request to the end of the commit.
    claims: Histogram,
    minute: Mutex<Minute>,
}

/// The latency histograms of the last sixty seconds.
struct Minute {
    begun: Instant,
    /// The second of the newest slot.
    second: u64,
    slots: [[u32; LATENCY_BOUNDS.len() + 1]; SLOTS],
}

/// The values of the counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeterReading {
    /// Accepted messages.
    pub accepted: u64,
    /// Delivered recipients.
    pub delivered: u64,
    /// Failed attempts that are followed by another, per recipient.
    pub deferred: u64,
    /// Failed recipients.
    pub failed: u64,
    /// Open connections to relays.
    pub connections: u64,
    /// Deliveries, by the time since their acceptance.
    pub deliveries: HistogramReading,
    /// How long claims of messages took, from the request to the end of the commit.
    pub claims: HistogramReading,
    /// Recipients delivered within the last minute.
    pub per_minute: u64,
    /// The bound of the histogram that the median latency of those is within.
    pub latency: Option<Duration>,
}

impl Default for Minute {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            second: 0,
            slots: [[0; LATENCY_BOUNDS.len() + 1]; SLOTS],
        }
    }
}

impl Minute {
    /// The slot of this second.
    fn now(&mut self) -> &mut [u32; LATENCY_BOUNDS.len() + 1] {
        self.at(Instant::now())
    }

    /// The slot of the second of `moment`, after clearing those of seconds without deliveries.
    fn at(&mut self, moment: Instant) -> &mut [u32; LATENCY_BOUNDS.len() + 1] {
        let second = moment.saturating_duration_since(self.begun).as_secs();
        let passed = second.saturating_sub(self.second).min(SLOTS as u64);
        for back in 0..passed {
            self.slots[((second - back) % SLOTS as u64) as usize] = [0; LATENCY_BOUNDS.len() + 1];
        }
        self.second = second;
        &mut self.slots[(second % SLOTS as u64) as usize]
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            accepted: AtomicU64::default(),
            deferred: AtomicU64::default(),
            failed: AtomicU64::default(),
            connections: Mutex::default(),
            deliveries: Histogram::new(&LATENCY_BOUNDS),
            claims: Histogram::new(&WRITE_BOUNDS),
            minute: Mutex::default(),
        }
    }
}

impl Meter {
    pub(crate) fn accepted(&self, number: usize) {
        self.accepted.fetch_add(number as u64, Ordering::Relaxed);
    }

    /// Counts a delivery, with the time since its acceptance.
    pub(crate) fn delivered(&self, after: Duration) {
        let slot = self.deliveries.add(after);
        self.minute.lock().now()[slot] += 1;
    }

    pub(crate) fn deferred(&self, number: usize) {
        self.deferred.fetch_add(number as u64, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a claim of messages, from now until the timer is dropped.
    pub(crate) fn time_claim(&self) -> Timer {
        self.claims.start()
    }

    /// Counts a connection to a relay that was opened.
    pub(crate) fn connected(&self, relay: Scope) {
        *self.connections.lock().entry(relay).or_default() += 1;
    }

    /// Counts a connection to a relay that was closed.
    pub(crate) fn disconnected(&self, relay: Scope) {
        let mut connections = self.connections.lock();
        if let Some(open) = connections.get_mut(&relay) {
            *open -= 1;
            if *open == 0 {
                connections.remove(&relay);
            }
        }
    }

    /// The number of open connections by relay, without relays that have none.
    pub(crate) fn connections(&self) -> BTreeMap<Scope, u64> {
        self.connections.lock().clone()
    }

    /// Reads the counters.
    pub fn read(&self) -> MeterReading {
        let mut slots = [0_u64; LATENCY_BOUNDS.len() + 1];
        {
            let mut minute = self.minute.lock();
            minute.now();
            for slot in &minute.slots {
                for (sum, number) in slots.iter_mut().zip(slot) {
                    *sum += u64::from(*number);
                }
            }
        }
        let number = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let deliveries = self.deliveries.read();
        MeterReading {
            accepted: number(&self.accepted),
            delivered: deliveries.number(),
            deferred: number(&self.deferred),
            failed: number(&self.failed),
            connections: self.connections.lock().values().sum(),
            deliveries,
            claims: self.claims.read(),
            per_minute: slots.iter().sum(),
            latency: median(&slots),
        }
    }
}

/// The bound that half of the deliveries are within.
fn median(slots: &[u64]) -> Option<Duration> {
    let half = slots.iter().sum::<u64>().div_ceil(2);
    let mut sum = 0;
    let at = slots.iter().position(|number| {
        sum += number;
        half > 0 && sum >= half
    })?;
    LATENCY_BOUNDS.get(at).or(LATENCY_BOUNDS.last()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deliveries_are_counted_by_how_long_they_took() {
        let meter = Meter::default();
        assert_eq!(meter.read().latency, None);
        for milliseconds in [0, 5, 6, 80, 90, 95, 4_000_000] {
            meter.delivered(Duration::from_millis(milliseconds));
        }
        let reading = meter.read();
        assert_eq!((reading.delivered, reading.per_minute), (7, 7));
        assert_eq!(reading.latency, Some(Duration::from_millis(100)));
        assert_eq!(
            reading.deliveries.times,
            [2, 1, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1]
        );
    }

    #[test]
    fn a_delivery_counts_for_a_minute() {
        let meter = Meter::default();
        let begin = meter.minute.lock().begun;
        let per_minute = |second| {
            let at = begin + Duration::from_secs(second);
            let mut minute = meter.minute.lock();
            minute.at(at);
            let all = minute.slots.iter().flatten();
            all.sum::<u32>()
        };
        for second in [0, 1, 30, 30] {
            let at = begin + Duration::from_secs(second);
            meter.minute.lock().at(at)[0] += 1;
        }
        for (second, number) in [(30, 4), (59, 4), (60, 3), (61, 2), (89, 2), (90, 0)] {
            assert_eq!(per_minute(second), number, "second {second}");
        }
        // Longer than a minute without deliveries clears every slot.
        meter.minute.lock().at(begin + Duration::from_secs(95))[1] += 1;
        assert_eq!(per_minute(95), 1);
        assert_eq!(per_minute(1_000), 0);
    }

    #[test]
    fn open_connections_are_counted_by_relay() {
        let meter = Meter::default();
        let own = Scope::of_account("01JD0000000000000000000000").expect("an id");
        for relay in [Scope::Global, own, Scope::Global] {
            meter.connected(relay);
        }
        assert_eq!(meter.read().connections, 3);
        meter.disconnected(own);
        assert_eq!(meter.connections(), BTreeMap::from([(Scope::Global, 2)]));
        assert_eq!(meter.read().connections, 2);
    }
}
