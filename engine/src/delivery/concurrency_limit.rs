//! How many connections a relay is given: more while it takes mail, fewer when it complains.

/// Where a relay begins that nothing is known of.
const FIRST: f64 = 4.0;

/// Above what it complained of, a relay is asked for one connection more after so many rounds of
/// mails: one that admits few would say no again and again.
const ROUNDS: f64 = 16.0;

/// Doubles with each round of mails taken until the first complaint, then grows slowly; a complaint
/// halves it (RFC 5681 section 3.1 does so with packets).
#[derive(Debug)]
pub struct ConcurrencyLimit {
    connections: f64,
    /// Up to here it doubles.
    threshold: f64,
    maximum: f64,
    /// So many mails were under way when the relay last complained: what is said of them is of
    /// that moment.
    echoes: usize,
}

impl ConcurrencyLimit {
    /// `most` is at least 1.
    pub fn new(maximum: usize) -> Self {
        let maximum = maximum.max(1) as f64;
        Self {
            connections: FIRST.min(maximum),
            threshold: maximum,
            maximum,
            echoes: 0,
        }
    }

    pub fn current(&self) -> usize {
        self.connections as usize
    }

    /// A mail was taken.
    pub fn increase(&mut self) {
        self.echoes = self.echoes.saturating_sub(1);
        let step = if self.connections < self.threshold {
            1.0
        } else {
            1.0 / (self.connections * ROUNDS)
        };
        self.connections = (self.connections + step).min(self.maximum);
    }

    /// The relay complained. What several connections hear at the same moment counts once.
    pub fn decrease(&mut self) {
        if self.echoes > 0 {
            self.echoes -= 1;
            return;
        }
        self.echoes = self.current() - 1;
        self.connections = (self.connections / 2.0).max(1.0);
        self.threshold = self.connections;
    }

    /// The relay has so many and would not have another.
    pub fn cap(&mut self, number: usize) {
        self.connections = self.connections.min(number as f64).max(1.0);
        self.threshold = self.connections;
    }

    /// Begins again with one connection, and grows from there.
    pub fn restart(&mut self) {
        *self = Self {
            connections: 1.0,
            ..Self::new(self.maximum as usize)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_while_mail_is_taken_and_halves_at_a_complaint() {
        let mut limit = ConcurrencyLimit::new(32);
        assert_eq!(limit.current(), 4);
        for _ in 0..28 {
            limit.increase();
        }
        assert_eq!(limit.current(), 32);
        for _ in 0..32 {
            limit.decrease();
        }
        assert_eq!(limit.current(), 16, "many hear one complaint");
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
