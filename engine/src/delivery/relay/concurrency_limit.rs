//! The concurrency limit of a relay: additive increase, multiplicative decrease of connections.

/// The connections to a relay that nothing is known of.
const INITIAL: f64 = 4.0;

/// Above the threshold, one connection is added after this number of rounds of messages: a relay that
/// allows few would refuse again and again.
const ROUNDS: f64 = 16.0;

/// Doubles with each round of accepted messages until the first deferral, then grows slowly. A
/// deferral halves it, as congestion control does (RFC 5681 section 3.1).
#[derive(Debug)]
pub(in crate::delivery) struct ConcurrencyLimit {
    connections: f64,
    /// Slow start ends here.
    threshold: f64,
    maximum: f64,
    /// Messages that were under way at the last decrease: their deferrals have the same cause.
    ignored: usize,
}

impl ConcurrencyLimit {
    /// `maximum` counts as at least 1.
    pub fn new(maximum: usize) -> Self {
        let maximum = maximum.max(1) as f64;
        Self {
            connections: INITIAL.min(maximum),
            threshold: maximum,
            maximum,
            ignored: 0,
        }
    }

    /// The number of connections.
    pub fn current(&self) -> usize {
        self.connections as usize
    }

    /// The cap of the relay.
    pub fn maximum(&self) -> usize {
        self.maximum as usize
    }

    /// A message was accepted.
    pub fn increase(&mut self) {
        self.ignored = self.ignored.saturating_sub(1);
        let step = if self.connections < self.threshold {
            1.0
        } else {
            1.0 / (self.connections * ROUNDS)
        };
        self.connections = (self.connections + step).min(self.maximum);
    }

    /// A message was deferred. Deferrals on several connections at the same time count once.
    pub fn decrease(&mut self) {
        if self.ignored > 0 {
            self.ignored -= 1;
            return;
        }
        self.ignored = self.current() - 1;
        self.connections = (self.connections / 2.0).max(1.0);
        self.threshold = self.connections;
    }

    /// The relay refused another connection beside this number of open ones.
    pub fn cap(&mut self, number: usize) {
        self.connections = self.connections.min(number as f64).max(1.0);
        self.threshold = self.connections;
    }

    /// Starts again with one connection.
    pub fn restart(&mut self) {
        *self = Self {
            connections: 1.0,
            ..Self::new(self.maximum())
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_with_accepted_messages_and_halves_at_a_deferral() {
        let mut limit = ConcurrencyLimit::new(32);
        assert_eq!(limit.current(), 4);
        for _ in 0..28 {
            limit.increase();
        }
        assert_eq!(limit.current(), 32);
        for _ in 0..32 {
            limit.decrease();
        }
        assert_eq!(limit.current(), 16, "deferrals at the same time count once");
        limit.decrease();
        assert_eq!(limit.current(), 8);
        for _ in 0..9 * 16 {
            limit.increase();
        }
        assert_eq!(limit.current(), 9, "slowly");
        for _ in 0..10_000 {
            limit.decrease();
        }
        assert_eq!(limit.current(), 1);
        for _ in 0..100_000 {
            limit.increase();
        }
        assert_eq!(limit.current(), 32);
        limit.cap(5);
        assert_eq!(limit.current(), 5);
        limit.restart();
        assert_eq!(limit.current(), 1);
        assert_eq!(ConcurrencyLimit::new(1).current(), 1);
    }
}
