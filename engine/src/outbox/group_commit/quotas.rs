//! The limits of accounts and tokens in a group commit: messages are counted in it, or refused.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::{SendingQuota, Timestamp};

use super::request::WriteRequest;
use crate::outbox::accept::limits::{LimitHolder, LimitRefusal};
use crate::store::accounts::sending_limits::QuotasById;

/// The ids of the accounts and tokens against whose quotas a commit counts, in ascending order.
pub(super) fn holders(requests: &[Arc<WriteRequest>]) -> Vec<&str> {
    let counted = requests.iter().flat_map(|request| match &**request {
        WriteRequest::Accept { counted, .. } => counted.as_slice(),
        _ => &[],
    });
    let ids: BTreeSet<&str> = counted.map(|holder| holder.id.as_str()).collect();
    ids.into_iter().collect()
}

/// The quotas of these accounts and tokens, as far as they are in the database. Their rows are locked.
pub(super) struct Quotas {
    quotas: QuotasById,
    /// Those to write.
    changed: BTreeSet<String>,
}

impl Quotas {
    pub fn new(quotas: QuotasById) -> Self {
        Self {
            quotas,
            changed: BTreeSet::new(),
        }
    }

    /// Counts the messages of a request for all of its holders; where one of them is at a limit, for none.
    pub fn take(
        &mut self,
        counted: &[LimitHolder],
        messages: usize,
        now: Timestamp,
    ) -> Option<LimitRefusal> {
        let messages = u32::try_from(messages).unwrap_or(u32::MAX);
        let mut refusals = Vec::new();
        for holder in counted {
            let Some(quota) = self.quotas.get_mut(&holder.id) else {
                continue;
            };
            if quota.windows.set_back(now) {
                self.changed.insert(holder.id.clone());
            }
            let reached = quota.reached(messages, now);
            refusals.extend(reached.map(|reached| LimitRefusal {
                holder: holder.kind,
                reached,
                messages,
            }));
        }
        let longest = refusals
            .into_iter()
            .max_by_key(|refusal| (messages > refusal.reached.limit, refusal.reached.next_at));
        if longest.is_some() {
            return longest;
        }
        for holder in counted {
            if let Some(quota) = self.quotas.get_mut(&holder.id) {
                quota.count(messages, now);
                self.changed.insert(holder.id.clone());
            }
        }
        None
    }

    /// Those that have to be written.
    pub fn changed(&self) -> Vec<(&str, SendingQuota)> {
        let changed = self.changed.iter();
        let changed = changed.filter_map(|id| Some((id.as_str(), *self.quotas.get(id)?)));
        changed.collect()
    }
}

#[cfg(test)]
mod tests {
    use domain::SendingLimits;
    use domain::limits::rate_window::Period;

    use super::*;
    use crate::outbox::accept::limits::HolderKind;

    /// A minute, hour and day begin.
    const BEGUN: Timestamp = Timestamp(1_000_000 * 86_400_000);

    fn holder(kind: HolderKind, id: &str) -> LimitHolder {
        LimitHolder {
            kind,
            id: id.to_owned(),
        }
    }

    fn quotas() -> Quotas {
        let quota = |per_minute, per_hour| SendingQuota {
            limits: SendingLimits::of_numbers([per_minute, per_hour, None, None]),
            ..SendingQuota::default()
        };
        Quotas::new(QuotasById::from([
            ("a".to_owned(), quota(Some(3), None)),
            ("t".to_owned(), quota(None, Some(2))),
        ]))
    }

    #[test]
    fn a_request_counts_for_all_of_its_holders_or_for_none() {
        let (account, token) = (
            holder(HolderKind::Account, "a"),
            holder(HolderKind::Token, "t"),
        );
        let (both, account) = ([account.clone(), token], [account]);
        let mut quotas = quotas();
        for (counted, messages, refused) in [
            (&both[..], 2, None),
            (&both, 1, Some((HolderKind::Token, Period::Hour))),
            (&account, 1, None),
            (&account, 1, Some((HolderKind::Account, Period::Minute))),
            (&both, 1, Some((HolderKind::Token, Period::Hour))),
            // More at once than either ever may.
            (&both, 4, Some((HolderKind::Token, Period::Hour))),
            (&[holder(HolderKind::Token, "unlimited meanwhile")], 9, None),
        ] {
            let found = quotas.take(counted, messages, BEGUN);
            let found = found.map(|found| (found.holder, found.reached.period));
            assert_eq!(found, refused, "{messages} of {counted:?}");
        }
        let counts: Vec<i64> = quotas
            .changed()
            .iter()
            .map(|(_, quota)| quota.windows.0[0].messages)
            .collect();
        assert_eq!(counts, [3, 2]);
    }

    #[test]
    fn a_refusal_writes_nothing_unless_the_clock_was_set_back() {
        let mut quotas = quotas();
        let account = [holder(HolderKind::Account, "a")];
        assert_eq!(quotas.take(&account, 3, BEGUN), None);
        quotas.changed.clear();
        assert!(quotas.take(&account, 1, BEGUN).is_some());
        assert!(quotas.changed().is_empty());
        let back = BEGUN - Period::Hour.length();
        assert!(quotas.take(&account, 1, back).is_some());
        assert_eq!(quotas.changed().len(), 1, "it ends by that clock");
        let later = back + Period::Minute.length() * 2;
        assert_eq!(quotas.take(&account, 1, later), None);
    }
}
