//! How many recipients to claim of each flow: the accounts of a class share its capacity equally.

use crate::store::messages::flows::{QueueClass, WaitingFlow};

/// What to claim of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::delivery) struct ClaimShare {
    pub class: QueueClass,
    /// The id of the flow.
    pub flow: i64,
    /// The maximum number of recipients.
    pub limit: usize,
}

/// Divides the free capacity of a class among its flows that are due, those with ids above `after` first:
/// with more flows than capacity the claims take turns.
pub(in crate::delivery) fn claim_shares(
    due: &[&WaitingFlow],
    capacity: usize,
    after: i64,
) -> Vec<ClaimShare> {
    let mut flows = due.to_vec();
    flows.sort_by_key(|flow| (flow.id <= after, flow.id));
    flows.truncate(capacity);
    let share = |index: usize, flow: &WaitingFlow| ClaimShare {
        class: flow.class.clone(),
        flow: flow.id,
        limit: capacity / flows.len() + usize::from(index < capacity % flows.len()),
    };
    let flows = flows.iter().enumerate();
    flows.map(|(index, flow)| share(index, flow)).collect()
}

/// The messages of several flows in turn: the first of each, the second of each, and so on.
pub(in crate::delivery) fn in_turn<T>(flows: Vec<Vec<T>>) -> Vec<T> {
    let mut flows: Vec<_> = flows.into_iter().map(Vec::into_iter).collect();
    let mut ordered = Vec::new();
    while !flows.is_empty() {
        flows.retain_mut(|flow| match flow.next() {
            Some(message) => {
                ordered.push(message);
                true
            }
            None => false,
        });
    }
    ordered
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::outbox::Priority;

    use super::*;

    fn shares(ids: &[i64], capacity: usize, after: i64) -> Vec<(i64, usize)> {
        let flow = |id: &i64| WaitingFlow {
            id: *id,
            class: QueueClass {
                queue: "global".into(),
                priority: Priority::Normal,
            },
            due: Timestamp(0),
        };
        let due: Vec<WaitingFlow> = ids.iter().map(flow).collect();
        let due: Vec<&WaitingFlow> = due.iter().collect();
        let shares = claim_shares(&due, capacity, after);
        shares
            .iter()
            .map(|share| (share.flow, share.limit))
            .collect()
    }

    #[test]
    fn flows_share_the_capacity_and_take_turns_where_it_is_short() {
        for (ids, capacity, after, expected) in [
            (&[][..], 8, 0, &[][..]),
            (&[1], 8, 0, &[(1, 8)]),
            (&[1, 2, 3], 8, 0, &[(1, 3), (2, 3), (3, 2)]),
            (&[3, 1, 2], 8, 1, &[(2, 3), (3, 3), (1, 2)]),
            (&[1, 2, 3], 2, 2, &[(3, 1), (1, 1)]),
            (&[1, 2, 3], 0, 2, &[]),
        ] {
            assert_eq!(
                shares(ids, capacity, after),
                expected,
                "{ids:?} {capacity} {after}"
            );
        }
    }

    #[test]
    fn a_flow_with_little_mail_is_not_behind_one_with_much() {
        let flows = vec![vec!["a1", "a2", "a3"], vec![], vec!["b1"], vec!["c1", "c2"]];
        assert_eq!(in_turn(flows), ["a1", "b1", "c1", "a2", "c2", "a3"]);
    }
}
