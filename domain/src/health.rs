//! The health of a relay from its checks: its state, its failure, its history and its changes.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

use crate::{Stage, Timestamp};

/// The length of the health history that is shown.
pub const HISTORY_SHOWN: Duration = Duration::from_hours(30 * 24);

/// The health of a relay: whether connections and sign-ins succeed.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = "healthy"))]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum HealthState {
    /// The relay has not been checked with its current settings.
    #[default]
    Unknown,
    /// The relay passes its checks.
    Healthy,
    /// Some checks of the relay fail.
    Degraded,
    /// The relay fails its checks.
    Down,
}

impl HealthState {
    /// The name in the database and in JSON.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The failure of a check. It contains no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HealthFailure {
    /// The first stage that failed.
    pub stage: Stage,
    /// The cause in one sentence.
    pub summary: String,
    /// The relay's reply on one line, if it sent one.
    pub reply: Option<String>,
}

/// The health of a relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HealthView {
    /// The id: `global` for the first relay, a ULID for others, and `account:` with the account's id for
    /// an own relay.
    pub relay_id: String,
    /// The name of the relay.
    pub name: String,
    /// The state.
    pub state: HealthState,
    /// When the state began: at the first check that showed it.
    pub since: Timestamp,
    /// The time of the first failed check since the relay was healthy. It is set for a healthy relay
    /// while a failed check is being confirmed.
    pub failing_since: Option<Timestamp>,
    /// The last failed check since the relay was healthy.
    pub failure: Option<HealthFailure>,
    /// The time of the last check.
    pub checked_at: Option<Timestamp>,
    /// When the next check is due; none while a check runs.
    pub next_check_at: Option<Timestamp>,
}

/// A period in which a relay was in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HealthPeriod {
    /// The state.
    pub state: HealthState,
    /// The start of the period.
    pub from: Timestamp,
    /// The end of the period; the present for the last period.
    pub until: Timestamp,
}

/// A change of the state of a relay that people are notified of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthChange {
    /// The id of the relay, as in [`HealthView`].
    pub relay_id: String,
    /// The name of the relay.
    pub relay_name: String,
    /// The id of the account with this own relay; none for a relay of the organisation.
    pub account: Option<String>,
    /// The previous state. After a save of the settings, or after the relay was switched off and on, it
    /// is the state of an outage that was notified and has not ended, if there is one.
    pub from: HealthState,
    /// The new state.
    pub to: HealthState,
    /// The time of the check that found the change.
    pub at: Timestamp,
    /// When the state began, as in [`HealthView`].
    pub since: Timestamp,
    /// The time of the first failed check since the relay was healthy, also with settings that were
    /// replaced since. For a relay that is healthy again, the first failed check of the outage that
    /// ended.
    pub failing_since: Option<Timestamp>,
    /// The last failed check; none if the relay is healthy again.
    pub failure: Option<HealthFailure>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_named_as_in_json() {
        for (state, name) in [
            (HealthState::Unknown, "unknown"),
            (HealthState::Healthy, "healthy"),
            (HealthState::Degraded, "degraded"),
            (HealthState::Down, "down"),
        ] {
            assert_eq!(state.as_str(), name);
            assert_eq!(name.parse(), Ok(state));
            let json = serde_json::to_string(&state).expect("JSON");
            assert_eq!(json, format!("\"{name}\""));
        }
    }
}
