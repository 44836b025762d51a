//! The next step that Home proposes: the most urgent one, or none.

use std::time::Duration;

use super::{ExpiringAuthority, ExpiringToken, HomeFacts, HomeRelay, MailStatus, RelayName};
use crate::Timestamp;
use crate::health::HealthState;
use crate::outbox::Pause;

/// How long before its expiry a token or certificate is to be renewed.
pub const EXPIRY_NOTICE: Duration = Duration::from_secs(14 * 24 * 3600);

/// A step that the viewer can take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// Save the settings of a relay.
    SaveSettings,
    /// Resume delivery after a person paused it.
    ResumeDelivery,
    /// Review the queued mail and resume delivery, which is paused since a backup was restored.
    ResumeAfterRestore,
    /// Start Postern without the option that pauses delivery.
    EndHold,
    /// Start a process that delivers.
    StartDelivery,
    /// Enter this number of secrets again, or restore the files of their keys.
    EnterAgain(i64),
    /// Restore the files of this number of keys that are only in memory, or rotate the keys.
    RestoreKeyFiles(usize),
    /// Repair a relay that is down or degraded.
    RepairRelay {
        /// The relay.
        relay: RelayName,
        /// Whether it is the own relay of the viewer's account.
        own: bool,
        /// The cause of its failure, as a sentence.
        cause: Option<String>,
    },
    /// Send a test mail through a relay.
    TestSettings(RelayName),
    /// Trust another CA certificate for a relay.
    RenewAuthority(ExpiringAuthority),
    /// Make another API token to replace one that expires.
    RenewToken(ExpiringToken),
    /// Rotate the key of stored secrets, which was made at this time.
    RotateKeys(Timestamp),
    /// Wait for an administrator: the viewer is not one.
    AskAdministrator,
}

/// The first step of these facts.
pub fn next_step(facts: &HomeFacts) -> Option<NextStep> {
    let status = MailStatus::of(facts);
    let stops = match &status {
        MailStatus::NotConfigured => Some(NextStep::SaveSettings),
        MailStatus::Paused { since: Some(_) } => {
            let restored = facts.pause.as_ref().is_some_and(Pause::is_of_restore);
            Some(match restored {
                true => NextStep::ResumeAfterRestore,
                false => NextStep::ResumeDelivery,
            })
        }
        MailStatus::Paused { since: None } => Some(NextStep::EndHold),
        MailStatus::NoWorker => Some(NextStep::StartDelivery),
        _ => None,
    };
    if let Some(step) = stops {
        return Some(match facts.admin {
            true => step,
            false => NextStep::AskAdministrator,
        });
    }
    // A relay whose password cannot be opened is down until the password is entered again.
    if facts.lost_values > 0 {
        return Some(NextStep::EnterAgain(facts.lost_values));
    }
    // Mail leaves until the process ends; afterwards no secret can be opened.
    if facts.keys_without_file > 0 {
        return Some(NextStep::RestoreKeyFiles(facts.keys_without_file));
    }
    let failing = |state: HealthState| {
        let mut relays = facts.relays.iter();
        // Viewers that are not administrators can repair only their own relay.
        relays.find(|relay| relay.state == state && (facts.admin || relay.own))
    };
    let repair = |relay: &HomeRelay| NextStep::RepairRelay {
        relay: relay.relay.clone(),
        own: relay.own,
        cause: relay.cause.clone(),
    };
    if let Some(relay) = failing(HealthState::Down) {
        return Some(repair(relay));
    }
    if matches!(status, MailStatus::Stopped { .. }) {
        return Some(NextStep::AskAdministrator);
    }
    if let Some(relay) = &facts.untested {
        return Some(NextStep::TestSettings(relay.clone()));
    }
    if let Some(relay) = failing(HealthState::Degraded) {
        return Some(repair(relay));
    }
    if let Some(authority) = &facts.authority {
        return Some(NextStep::RenewAuthority(authority.clone()));
    }
    if let Some(token) = &facts.expiring {
        return Some(NextStep::RenewToken(token.clone()));
    }
    facts.old_key.map(NextStep::RotateKeys)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{facts, relay};
    use super::*;
    use crate::health::HealthState::{Degraded, Down, Healthy};

    /// Formats the name of a step, with the relay or token.
    fn named(step: Option<NextStep>) -> String {
        match step {
            None => "none".to_owned(),
            Some(NextStep::RepairRelay { relay, own, .. }) => {
                format!("repair {} {own}", relay.name)
            }
            Some(NextStep::TestSettings(relay)) => format!("test {}", relay.name),
            Some(NextStep::RenewAuthority(end)) => format!("renew CA of {}", end.relay.name),
            Some(NextStep::RenewToken(token)) => format!("renew {}", token.name),
            Some(other) => format!("{other:?}"),
        }
    }

    #[test]
    fn all_is_well_where_every_relay_is_healthy() {
        assert_eq!(next_step(&facts(vec![relay("A", Healthy, 5)])), None);
    }

    #[test]
    fn the_most_urgent_step_comes_first() {
        let mut facts = facts(vec![
            relay("A", Healthy, 5),
            relay("B", Degraded, 5),
            relay("C", Down, 5),
        ]);
        facts.expiring = Some(ExpiringToken {
            name: "app".to_owned(),
            at: Timestamp(9),
        });
        facts.untested = Some(facts.relays[0].relay.clone());
        facts.authority = Some(ExpiringAuthority {
            relay: facts.relays[0].relay.clone(),
            at: Timestamp(9),
        });
        let pause = |since| Pause {
            since,
            by: String::new(),
        };
        facts.lost_values = 2;
        facts.keys_without_file = 1;
        facts.old_key = Some(Timestamp(1));
        let mut seen = vec![named(next_step(&facts))];
        facts.lost_values = 0;
        seen.push(named(next_step(&facts)));
        facts.keys_without_file = 0;
        seen.push(named(next_step(&facts)));
        facts.relays.pop();
        seen.push(named(next_step(&facts)));
        facts.untested = None;
        seen.push(named(next_step(&facts)));
        facts.relays.pop();
        seen.push(named(next_step(&facts)));
        facts.authority = None;
        seen.push(named(next_step(&facts)));
        facts.expiring = None;
        seen.push(named(next_step(&facts)));
        facts.delivers = false;
        seen.push(named(next_step(&facts)));
        facts.pause = Some(pause(Some(Timestamp(1))));
        seen.push(named(next_step(&facts)));
        facts.pause = Some(Pause {
            since: Some(Timestamp(1)),
            by: Pause::RESTORE.to_owned(),
        });
        seen.push(named(next_step(&facts)));
        facts.pause = Some(pause(None));
        seen.push(named(next_step(&facts)));
        facts.configured = false;
        seen.push(named(next_step(&facts)));
        let expected = [
            "EnterAgain(2)",
            "RestoreKeyFiles(1)",
            "repair C false",
            "test A",
            "repair B false",
            "renew CA of A",
            "renew app",
            "RotateKeys(Timestamp(1))",
            "StartDelivery",
            "ResumeDelivery",
            "ResumeAfterRestore",
            "EndHold",
            "SaveSettings",
        ];
        assert_eq!(seen, expected);
        facts.admin = false;
        assert_eq!(named(next_step(&facts)), "AskAdministrator");
    }

    #[test]
    fn others_than_administrators_repair_their_own_relay() {
        let own = |state| HomeRelay {
            own: true,
            ..relay("Own", state, 5)
        };
        for (relays, expected) in [
            (
                vec![own(Down), relay("First", Healthy, 1)],
                "repair Own true",
            ),
            (vec![own(Degraded)], "repair Own true"),
            (vec![relay("First", Down, 1)], "AskAdministrator"),
            (vec![own(Healthy), relay("First", Down, 1)], "none"),
            (vec![relay("First", Degraded, 1)], "none"),
        ] {
            let mut facts = facts(relays);
            facts.admin = false;
            assert_eq!(named(next_step(&facts)), expected, "{facts:?}");
        }
    }
}
