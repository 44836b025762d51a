//! The organisation's policy: what its accounts may do, and what it requires of them.

use serde::{Deserialize, Serialize};

/// The name of [`OrganisationPolicy::own_relays`] in the database, forms and JSON.
pub const OWN_RELAYS: &str = "own_relays";

/// The name of [`OrganisationPolicy::fallback`].
pub const FALLBACK: &str = "fallback";

/// The name of [`OrganisationPolicy::second_factor_for_administrators`].
pub const SECOND_FACTOR: &str = "second_factor_for_administrators";

/// The name of [`OrganisationPolicy::open_tracking`].
pub const OPEN_TRACKING: &str = "open_tracking";

/// The policy, with the values that apply before an administrator saves others.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own, on or off"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganisationPolicy {
    /// Whether accounts may have a relay of their own. If not, existing own relays are not used.
    pub own_relays: bool,
    /// Whether mail fails over to the organisation's relays while the account's own relay takes none.
    pub fallback: bool,
    /// Whether administrators must sign in with a second factor.
    pub second_factor_for_administrators: bool,
    /// Whether messages may track how often they are opened.
    pub open_tracking: bool,
}

impl Default for OrganisationPolicy {
    fn default() -> Self {
        Self {
            own_relays: true,
            fallback: true,
            second_factor_for_administrators: false,
            open_tracking: true,
        }
    }
}

/// A change of the policy. Absent fields keep their value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PolicyChange {
    /// The new value of [`OrganisationPolicy::own_relays`].
    pub own_relays: Option<bool>,
    /// The new value of [`OrganisationPolicy::fallback`].
    pub fallback: Option<bool>,
    /// The new value of [`OrganisationPolicy::second_factor_for_administrators`].
    pub second_factor_for_administrators: Option<bool>,
    /// The new value of [`OrganisationPolicy::open_tracking`].
    pub open_tracking: Option<bool>,
}

impl OrganisationPolicy {
    /// The policy after a change.
    pub fn changed(self, change: &PolicyChange) -> Self {
        Self {
            own_relays: change.own_relays.unwrap_or(self.own_relays),
            fallback: change.fallback.unwrap_or(self.fallback),
            second_factor_for_administrators: change
                .second_factor_for_administrators
                .unwrap_or(self.second_factor_for_administrators),
            open_tracking: change.open_tracking.unwrap_or(self.open_tracking),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_keeps_what_it_does_not_name() {
        let before = OrganisationPolicy::default();
        assert_eq!(before.changed(&PolicyChange::default()), before);
        let change = PolicyChange {
            fallback: Some(false),
            ..PolicyChange::default()
        };
        let after = before.changed(&change);
        assert!(after.own_relays && !after.fallback);
        assert_eq!(after.changed(&PolicyChange::default()), after);
    }
}
