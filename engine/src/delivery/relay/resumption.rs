//! The relays that take mail again after every worker had backed off from them.

use std::collections::BTreeSet;

use domain::outbox::{BackoffView, Worker};

use crate::store::Scope;

/// The relays from which all of `workers` back off, and a worker with the backoffs `now` does not.
pub(in crate::delivery) fn resumed(workers: &[Worker], now: &[BackoffView]) -> BTreeSet<Scope> {
    let Some((first, others)) = workers.split_first() else {
        return BTreeSet::new();
    };
    let mut stopped = failing(&first.backoffs);
    for worker in others {
        let failing = failing(&worker.backoffs);
        stopped.retain(|relay| failing.contains(relay));
    }
    let still = failing(now);
    stopped.retain(|relay| !still.contains(relay));
    stopped
}

/// The relays that take no messages by themselves.
fn failing(backoffs: &[BackoffView]) -> BTreeSet<Scope> {
    let failing = backoffs.iter().filter(|backoff| backoff.state.is_failing());
    failing.filter_map(scope).collect()
}

/// The relay of a backoff; `None` in the heartbeat of an earlier version.
fn scope(backoff: &BackoffView) -> Option<Scope> {
    match &backoff.account {
        Some(account) => Scope::of_account(account),
        None => Scope::of_relay(backoff.id.as_deref()?),
    }
}

#[cfg(test)]
mod tests {
    use domain::outbox::RelayState::{self, AtLimit, BackingOff, HalfOpen, Silent};
    use domain::{Failure, Fault, Stage, Timestamp};

    use super::*;

    const ID: &str = "01JD0000000000000000000001";

    fn backoff(relay: &str, state: RelayState) -> BackoffView {
        let account = relay.strip_prefix("account:");
        BackoffView {
            relay: "smtp.example.org:587".to_owned(),
            id: account.is_none().then(|| relay.to_owned()),
            name: None,
            account: account.map(str::to_owned),
            state,
            failure: Failure::new(Stage::Tcp, Fault::ConnectionRefused, "refused"),
            cause: None,
            since: Timestamp(1),
            next: Timestamp(2),
        }
    }

    #[test]
    fn a_relay_takes_mail_again_where_every_worker_had_backed_off() {
        let own = format!("account:{ID}");
        let failing = |relay: &str| vec![backoff(relay, BackingOff)];
        let state = |state| vec![backoff("global", state)];
        for (before, now, expected) in [
            (vec![], vec![], None),
            (vec![vec![]], vec![], None),
            (vec![failing("global")], failing("global"), None),
            (vec![failing("global")], vec![], Some("global")),
            (vec![failing("global")], failing(ID), Some("global")),
            (vec![failing("global")], state(HalfOpen), Some("global")),
            (vec![failing("global")], state(Silent), None),
            (vec![state(HalfOpen)], vec![], None),
            (vec![state(AtLimit)], vec![], None),
            (vec![failing("global"), vec![]], vec![], None),
            (vec![failing("global"), failing(ID)], vec![], None),
            (vec![failing(ID), failing(ID)], vec![], Some(ID)),
            (vec![failing(&own)], vec![], Some(own.as_str())),
        ] {
            let workers = before.iter().map(|backoffs| Worker {
                host: "gate".to_owned(),
                connections: 0,
                per_minute: 0,
                latency: None,
                relays: 2,
                backoffs: backoffs.clone(),
            });
            let workers: Vec<Worker> = workers.collect();
            let found = resumed(&workers, &now).into_iter().map(Scope::relay_id);
            let expected: Vec<&str> = expected.into_iter().collect();
            assert_eq!(found.collect::<Vec<_>>(), expected, "{before:?} {now:?}");
        }
    }
}
