//! Duplicates by the crash that causes them. A suspension and its end are one crash.

use std::collections::BTreeMap;

/// A part of a run in which no mail may arrive twice. Crashes separate the phases, and so does the end of a
/// suspension.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phase {
    /// Number of crashes before it.
    pub crashes: usize,
    /// Whether the last crash is a suspension that has not ended.
    pub is_suspended: bool,
}

impl Phase {
    /// The phase after one more crash.
    pub fn crashed(self) -> Self {
        Self {
            crashes: self.crashes + 1,
            is_suspended: false,
        }
    }

    /// The phase while a node is suspended, which counts as one more crash.
    pub fn suspended(self) -> Self {
        Self {
            is_suspended: true,
            ..self.crashed()
        }
    }

    /// The phase after the end of a suspension. The node ends what it had begun to send: that is part of the
    /// same crash.
    pub fn resumed(self) -> Self {
        Self {
            is_suspended: false,
            ..self
        }
    }

    /// The number, from 1, of the crash that causes duplicates of what arrived in this phase.
    fn next_crash(self) -> usize {
        match self.is_suspended {
            true => self.crashes,
            false => self.crashes + 1,
        }
    }
}

/// A recipient who received a mail again in a later phase.
#[derive(Clone, Copy, Debug)]
pub struct Duplicate {
    /// The number of the mail.
    pub number: u64,
    /// The index of the transaction that was repeated.
    pub transaction: usize,
    /// The phase of that transaction.
    pub phase: Phase,
}

/// The numbers of the mails of repeated transactions, by the number of the crash that caused them. The second
/// time, the recipients of one transaction may come separately: it counts once.
pub fn by_crash(duplicates: &[Duplicate]) -> BTreeMap<usize, Vec<u64>> {
    let mut crashes: BTreeMap<usize, BTreeMap<usize, u64>> = BTreeMap::new();
    for one in duplicates {
        let transactions = crashes.entry(one.phase.next_crash()).or_default();
        transactions.insert(one.transaction, one.number);
    }
    let crashes = crashes.into_iter();
    crashes
        .map(|(crash, transactions)| (crash, transactions.into_values().collect()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phase_differs_from_the_one_before() {
        let start = Phase::default();
        let crashed = start.crashed();
        let suspended = crashed.suspended();
        let resumed = suspended.resumed();
        let phases = [start, crashed, suspended, resumed, resumed.crashed()];
        assert_eq!(phases.map(|phase| phase.crashes), [0, 1, 2, 2, 3]);
        for pair in phases.windows(2) {
            assert_ne!(pair[0], pair[1]);
        }
    }

    #[test]
    fn duplicates_belong_to_the_crash_that_causes_them() {
        let start = Phase::default();
        let suspended = start.suspended();
        let resumed = suspended.resumed();
        // Phase, transaction and number of each, and the numbers by crash.
        let cases = [
            (vec![], vec![]),
            (vec![(start, 0, 1)], vec![(1, vec![1])]),
            // One transaction, of which two recipients come again.
            (vec![(start, 0, 1), (start, 0, 1)], vec![(1, vec![1])]),
            (
                vec![(start, 0, 1), (start.crashed(), 1, 2)],
                vec![(1, vec![1]), (2, vec![2])],
            ),
            // What the node had in doubt, and what it ends when it goes on.
            (
                vec![(start, 0, 1), (suspended, 1, 2), (suspended, 2, 3)],
                vec![(1, vec![1, 2, 3])],
            ),
            (
                vec![(suspended, 1, 2), (resumed, 2, 3)],
                vec![(1, vec![2]), (2, vec![3])],
            ),
        ];
        for (duplicates, expected) in cases {
            let duplicates: Vec<_> = duplicates
                .into_iter()
                .map(|(phase, transaction, number)| Duplicate {
                    number,
                    transaction,
                    phase,
                })
                .collect();
            let expected: BTreeMap<usize, Vec<u64>> = expected.into_iter().collect();
            assert_eq!(by_crash(&duplicates), expected, "{duplicates:?}");
        }
    }
}
