//! The form of the policy page: a box that is not checked is not in it.

use domain::account::policy::{FALLBACK, OPEN_TRACKING, OWN_RELAYS, PolicyChange, SECOND_FACTOR};
use domain::{Fields, Refusal};

/// The change that a form asks for: every box of the page is on or off.
///
/// # Errors
/// [`Kind::Invalid`](domain::Kind::Invalid) for names that are repeated or unknown.
pub fn policy_change(pairs: &[(String, String)]) -> Result<PolicyChange, Refusal> {
    Fields::of(pairs).read(|fields| PolicyChange {
        own_relays: Some(fields.take(OWN_RELAYS).is_some()),
        fallback: Some(fields.take(FALLBACK).is_some()),
        second_factor_for_administrators: Some(fields.take(SECOND_FACTOR).is_some()),
        open_tracking: Some(fields.take(OPEN_TRACKING).is_some()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_that_is_absent_is_off() {
        let pair = |name: &str| (name.to_owned(), "on".to_owned());
        let change = policy_change(&[pair(FALLBACK)]).expect("valid");
        assert_eq!(change.own_relays, Some(false));
        assert_eq!(change.fallback, Some(true));
        assert_eq!(change.second_factor_for_administrators, Some(false));
        assert_eq!(change.open_tracking, Some(false));
        let refusal = policy_change(&[pair("own_relay")]).expect_err("unknown");
        assert!(refusal.fields.contains_key("own_relay"));
    }
}
