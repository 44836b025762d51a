//! How many connections a relay is given: more while it takes mail, fewer when it complains.

/// Where a relay begins that nothing is known of.
const FIRST: f64 = 4.0;

/// Above what it complained of, a relay is asked for one connection more after so many rounds of
/// mails: one that admits few would say no again and again.
const ROUNDS: f64 = 16.0;

/// Doubles with each round of mails taken until the first complaint, then grows slowly; a complaint
/// halves it (RFC 5681 section 3.1 does so with packets).
#[derive(Debug)]
pub struct Limit {
    now: f64,
    /// Up to here it doubles.
    threshold: f64,
    most: f64,
    /// So many mails were under way when the relay last complained: what is said of them is of
    /// that moment.
    echoes: usize,
}

impl Limit {
    /// `most` is at least 1.
    pub fn new(most: usize) -> Self {
        let most = most.max(1) as f64;
        Self {
            now: FIRST.min(most),
            threshold: most,
            most,
            echoes: 0,
        }
    }

    pub fn now(&self) -> usize {
        self.now as usize
    }

    /// A mail was taken.
    pub fn grow(&mut self) {
        self.echoes = self.echoes.saturating_sub(1);
        let step = if self.now < self.threshold {
            1.0
        } else {
            1.0 / (self.now * ROUNDS)
        };
        self.now = (self.now + step).min(self.most);
    }

    /// The relay complained. What several connections hear at the same moment counts once.
    pub fn shrink(&mut self) {
        if self.echoes > 0 {
            self.echoes -= 1;
            return;
        }
        self.echoes = self.now() - 1;
        self.now = (self.now / 2.0).max(1.0);
        self.threshold = self.now;
    }

    /// The relay has so many and would not have another.
    pub fn at_most(&mut self, number: usize) {
        self.now = self.now.min(number as f64).max(1.0);
        self.threshold = self.now;
    }

    /// Begins again with one connection, and grows from there.
    pub fn restart(&mut self) {
        *self = Self {
            now: 1.0,
            ..Self::new(self.most as usize)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_while_mail_is_taken_and_halves_at_a_complaint() {
        let mut limit = Limit::new(32);
        assert_eq!(limit.now(), 4);
        for _ in 0..28 {
            limit.grow();
        }
        assert_eq!(limit.now(), 32);
        for _ in 0..32 {
            limit.shrink();
        }
        assert_eq!(limit.now(), 16, "many hear one complaint");
        limit.shrink();
        assert_eq!(limit.now(), 8);
        for _ in 0..9 * 16 {
            limit.grow();
        }
        assert_eq!(limit.now(), 9, "slowly");
        for _ in 0..10_000 {
            limit.shrink();
        }
        assert_eq!(limit.now(), 1);
        for _ in 0..100_000 {
            limit.grow();
        }
        assert_eq!(limit.now(), 32);
        limit.at_most(5);
        assert_eq!(limit.now(), 5);
        limit.restart();
        assert_eq!(limit.now(), 1);
        assert_eq!(Limit::new(1).now(), 1);
    }
}
