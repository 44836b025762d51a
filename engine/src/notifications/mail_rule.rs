//! Whether a mail about the health of a relay is sent now, later or not at all.

use domain::health::HealthState;

/// A relay of the organisation that is switched on and has settings.
#[derive(Clone, Debug)]
pub struct OrganisationRelayState {
    pub id: String,
    pub state: HealthState,
    /// Whether mail of Postern itself may leave through it: it has no rule for other mail.
    pub takes_own_mail: bool,
}

impl OrganisationRelayState {
    /// Whether it is down, or fails now and then.
    fn is_failing(&self) -> bool {
        matches!(self.state, HealthState::Down | HealthState::Degraded)
    }
}

/// What to do with a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailDecision {
    Send,
    /// No relay could take it now.
    Wait,
    /// It is not true any more.
    Drop,
}

/// A mail that reports that a relay is `to`, which is in `state` now, and the relays of the organisation that
/// are switched on. The state is unknown while the relay is switched off, and `None` where it was removed.
///
/// A recovery is reported at once. A failure is reported where another relay can take the mail; otherwise
/// the mail waits, and becomes a part of the mail about the recovery. It waits also while the relay is
/// switched off, and is dropped where it was removed.
pub fn decide(
    relay: &str,
    to: HealthState,
    state: Option<HealthState>,
    relays: &[OrganisationRelayState],
) -> MailDecision {
    if to == HealthState::Healthy {
        return MailDecision::Send;
    }
    match state {
        Some(HealthState::Down | HealthState::Degraded) => {}
        // Its settings were saved, or it is switched off: the next check shows whether it still fails.
        Some(HealthState::Unknown) => return MailDecision::Wait,
        Some(HealthState::Healthy) | None => return MailDecision::Drop,
    }
    let takes_mail = |other: &OrganisationRelayState| {
        other.id != relay && other.takes_own_mail && other.state != HealthState::Down
    };
    match relays.iter().any(takes_mail) {
        true => MailDecision::Send,
        false => MailDecision::Wait,
    }
}

/// The ids of the relays that a mail about a relay is sent through last: those that fail, the degraded ones
/// before those that are down, and the relay itself behind all others.
pub fn avoided(relay: &str, relays: &[OrganisationRelayState]) -> Vec<String> {
    let mut failing: Vec<&OrganisationRelayState> =
        relays.iter().filter(|relay| relay.is_failing()).collect();
    failing.sort_by_key(|failing| (failing.id == relay, failing.state == HealthState::Down));
    failing.into_iter().map(|relay| relay.id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use HealthState::{Degraded, Down, Healthy, Unknown};

    use super::*;

    #[test]
    fn a_failure_is_mailed_where_another_relay_takes_the_mail() {
        let relays = |states: &[HealthState]| -> Vec<OrganisationRelayState> {
            let states = states.iter().zip(["a", "b", "c"]);
            let relay = |(state, id): (&HealthState, &str)| OrganisationRelayState {
                id: id.to_owned(),
                state: *state,
                takes_own_mail: true,
            };
            states.map(relay).collect()
        };
        for (to, states, expected) in [
            (Down, &[Down, Healthy][..], MailDecision::Send),
            (Down, &[Down, Unknown], MailDecision::Send),
            (Down, &[Down, Degraded], MailDecision::Send),
            (Down, &[Down, Down, Healthy], MailDecision::Send),
            (Down, &[Down, Down], MailDecision::Wait),
            (Down, &[Down], MailDecision::Wait),
            (Degraded, &[Degraded], MailDecision::Wait),
            (Down, &[Healthy, Healthy], MailDecision::Drop),
            (Down, &[Unknown, Healthy], MailDecision::Wait),
            (Down, &[], MailDecision::Drop),
            (Healthy, &[Healthy], MailDecision::Send),
            (Healthy, &[Down, Down], MailDecision::Send),
            (Healthy, &[], MailDecision::Send),
        ] {
            let decision = decide("a", to, states.first().copied(), &relays(states));
            assert_eq!(decision, expected, "{to:?} {states:?}");
        }
        // The own relay of an account.
        for (state, states, expected) in [
            (Some(Down), &[Healthy][..], MailDecision::Send),
            (Some(Down), &[Down], MailDecision::Wait),
            (Some(Down), &[], MailDecision::Wait),
            (Some(Unknown), &[Healthy], MailDecision::Wait),
            (Some(Healthy), &[Healthy], MailDecision::Drop),
            (None, &[Healthy], MailDecision::Drop),
        ] {
            let decision = decide("account:x", Down, state, &relays(states));
            assert_eq!(decision, expected, "{state:?} {states:?}");
        }
    }

    #[test]
    fn a_relay_for_other_mail_takes_none_about_another() {
        let relay = |id: &str, state, takes_own_mail| OrganisationRelayState {
            id: id.to_owned(),
            state,
            takes_own_mail,
        };
        for (other, expected) in [
            (relay("b", Healthy, true), MailDecision::Send),
            (relay("b", Healthy, false), MailDecision::Wait),
        ] {
            let relays = [relay("a", Down, true), other];
            assert_eq!(decide("a", Down, Some(Down), &relays), expected);
        }
        // One for other mail that fails itself is reported.
        let relays = [relay("a", Down, false), relay("b", Healthy, true)];
        assert_eq!(decide("a", Down, Some(Down), &relays), MailDecision::Send);
    }

    #[test]
    fn a_failing_relay_is_behind_the_others_for_mail_about_itself() {
        let relays = [
            ("a", Degraded),
            ("b", Down),
            ("c", Healthy),
            ("d", Degraded),
            ("e", Unknown),
        ]
        .map(|(id, state)| OrganisationRelayState {
            id: id.to_owned(),
            state,
            takes_own_mail: true,
        });
        for (about, expected) in [
            ("a", ["d", "b", "a"]),
            ("b", ["a", "d", "b"]),
            ("c", ["a", "d", "b"]),
            ("d", ["a", "b", "d"]),
            ("account:x", ["a", "d", "b"]),
        ] {
            assert_eq!(avoided(about, &relays), expected, "{about}");
        }
    }
}
