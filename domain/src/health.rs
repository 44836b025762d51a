//! The health of a relay as checks find it: its state, its failure, its history and its changes.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

use crate::{Stage, Timestamp};

/// How far back the history of the health of a relay is shown.
pub const HISTORY_SHOWN: Duration = Duration::from_hours(30 * 24);

/// Whether a relay can be reached and signed in to.
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
    /// It was not checked with its present settings.
    #[default]
    Unknown,
    /// It passes its checks.
    Healthy,
    /// Some of its checks fail.
    Degraded,
    /// It fails its checks.
    Down,
}

impl HealthState {
    /// The name in the database and in JSON.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Why a check failed. It contains no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HealthFailure {
    /// The first stage that failed.
    pub stage: Stage,
    /// The cause in one sentence.
    pub summary: String,
    /// The relay's reply on one line, where it sent one.
    pub reply: Option<String>,
}

/// The health of a relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HealthView {
    /// `global` for the first relay, a ULID for others; that of an account begins with `account:`.
    pub relay_id: String,
    /// The name of the relay.
    pub name: String,
    /// The state.
    pub state: HealthState,
    /// When the state began: at the first check that showed it.
    pub since: Timestamp,
    /// The first failed check since the relay was healthy. A relay that is still healthy has one while
    /// a failed check is being confirmed.
    pub failing_since: Option<Timestamp>,
    /// The last failed check since the relay was healthy.
    pub failure: Option<HealthFailure>,
    /// When it was checked last.
    pub checked_at: Option<Timestamp>,
    /// When the next check is due; none while one is under way.
    pub next_check_at: Option<Timestamp>,
}

/// A time in which a relay was in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HealthPeriod {
    /// The state.
    pub state: HealthState,
    /// When it began.
    pub from: Timestamp,
    /// When it ended; for the last period the present.
    pub until: Timestamp,
}

/// A change of the state of a relay that people are notified of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthChange {
    /// The id of the relay, as in [`HealthView`].
    pub relay_id: String,
    /// The name of the relay.
    pub relay_name: String,
    /// The id of the account whose own relay it is; none for a relay of the organisation.
    pub account: Option<String>,
    /// The state before. After a save of the settings, and after the relay was switched off and on, it is
    /// the one of an outage that was notified and did not end, if any.
    pub from: HealthState,
    /// The state now.
    pub to: HealthState,
    /// When the change was found.
    pub at: Timestamp,
    /// When the state began, as in [`HealthView`].
    pub since: Timestamp,
    /// The first failed check since the relay was healthy, also with settings that were replaced
    /// meanwhile. Where it is healthy again, that of before.
    pub failing_since: Option<Timestamp>,
    /// The last failed check; none where the relay is healthy again.
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
