//! The state of a relay in words, its failure and its checks.

use domain::Timestamp;
use domain::health::{HealthState, HealthView};

use crate::components::Time;
use crate::outbox::{ago, ahead, grouped};
use crate::server_prelude::*;

/// Since when a relay is in its state, its last failed check, and when it is checked.
#[component]
pub fn HealthStatus(view: HealthView, now: Timestamp) -> AnyView {
    let text = match view.state {
        HealthState::Unknown => "Not checked since ",
        HealthState::Healthy => "Healthy since ",
        HealthState::Degraded => "Some checks fail since ",
        HealthState::Down => "Down since ",
    };
    let since = match view.state {
        HealthState::Degraded => view.failing_since.unwrap_or(view.since),
        _ => view.since,
    };
    let is_confirmed = matches!(view.state, HealthState::Degraded | HealthState::Down);
    let unconfirmed = (view.failing_since.is_some() && !is_confirmed)
        .then_some(". A check has failed and is repeated soon");
    let failure = view.failure.map(|failure| {
        let reply = failure.reply.map(|reply| format!(" The relay replied: {reply}"));
        view! { <span class="mail-detail">{failure.stage.title()} ": " {failure.summary} {reply}</span> }
    });
    let checks = checks(view.checked_at, view.next_check_at, now);
    view! {
        <span class="mail-detail">{text} <Time at=since /> {unconfirmed}</span>
        {failure}
        <span class="mail-detail">{checks}</span>
    }
    .into_any()
}

/// The last check and the next one.
fn checks(last: Option<Timestamp>, next: Option<Timestamp>, now: Timestamp) -> String {
    let last = last.map(|at| format!("Checked {}", ago(at, now)));
    let next = match next {
        None => "a check is under way".to_owned(),
        Some(at) => format!("next check {}", ahead(at, now)),
    };
    match last {
        Some(last) => format!("{last}; {next}"),
        None => format!("Not checked yet; {next}"),
    }
}

/// The number of open connections to a relay, as in `3 connections`.
pub fn connections(open: u64) -> String {
    match open {
        0 => "no connection".to_owned(),
        1 => "1 connection".to_owned(),
        _ => {
            let open = i64::try_from(open).unwrap_or(i64::MAX);
            format!("{} connections", grouped(open))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_counted_in_words() {
        for (open, expected) in [
            (0, "no connection"),
            (1, "1 connection"),
            (1_200, "1,200 connections"),
        ] {
            assert_eq!(connections(open), expected);
        }
    }

    #[test]
    fn checks_are_told_by_their_times() {
        let now = Timestamp(600_000);
        let at = |minute: i64| Some(Timestamp(minute * 60_000));
        for (last, next, expected) in [
            (None, at(10), "Not checked yet; next check within 1 min"),
            (at(8), at(13), "Checked 2 min ago; next check in 3 min"),
            (at(10), None, "Checked just now; a check is under way"),
        ] {
            assert_eq!(checks(last, next, now), expected);
        }
    }
}
