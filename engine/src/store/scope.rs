//! The scope that settings belong to: the values of the columns named `scope`.

use std::fmt;

use domain::settings::relay::MAIN;
use ulid::Ulid;

/// The relay whose settings a row belongs to.
///
/// A scope is displayed as stored. Sealed values are bound to that text, so that it never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The first relay of the organisation.
    Global,
    /// Another relay of the organisation.
    Relay(Ulid),
    /// The relay of an account.
    Account(Ulid),
}

/// The prefix of the stored scope of an account's relay, before the id of the account.
pub(super) const ACCOUNT: &str = "account:";

impl Scope {
    /// The scope of the relay with this id: `global`, or a ULID in its canonical form. `None` for other
    /// texts.
    pub fn of_relay(id: &str) -> Option<Self> {
        if id == MAIN {
            return Some(Self::Global);
        }
        exact(id).map(Self::Relay)
    }

    /// The scope of the relay of the account with this id, a ULID in its canonical form. `None` for
    /// other texts.
    pub fn of_account(id: &str) -> Option<Self> {
        exact(id).map(Self::Account)
    }

    /// The scope as it is stored, if it is that of the relay of an account.
    pub(super) fn of_stored_account(scope: &str) -> Option<Self> {
        Self::of_account(scope.strip_prefix(ACCOUNT)?)
    }

    /// The scope of a relay by its [`Scope::relay_id`], also where it is that of an account. `None` for
    /// other texts.
    pub fn of_relay_id(id: &str) -> Option<Self> {
        Self::of_relay(id).or_else(|| Self::of_stored_account(id))
    }

    /// The id of the relay. That of an account is not one of the organisation's, and has the text of
    /// the scope.
    pub fn relay_id(self) -> String {
        match self {
            Self::Global => MAIN.to_owned(),
            Self::Relay(id) => id.to_string(),
            Self::Account(_) => self.to_string(),
        }
    }

    /// The id of the account with this relay.
    pub fn account(self) -> Option<String> {
        match self {
            Self::Account(id) => Some(id.to_string()),
            Self::Global | Self::Relay(_) => None,
        }
    }

    /// Whether the scope is the relay of an account.
    pub fn is_own(self) -> bool {
        matches!(self, Self::Account(_))
    }
}

/// Parses the canonical text of a ULID. Crockford's Base32 has several texts for one number, of which
/// only this one is an id.
fn exact(id: &str) -> Option<Ulid> {
    let ulid = Ulid::from_string(id).ok()?;
    (ulid.to_string() == id).then_some(ulid)
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global => f.write_str("global"),
            Self::Relay(id) => write!(f, "relay:{id}"),
            Self::Account(id) => write!(f, "{ACCOUNT}{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_has_one_id_and_one_scope() {
        let id = "01JD0000000000000000000000";
        for (id, stored) in [
            ("global", Some("global")),
            (id, Some("relay:01JD0000000000000000000000")),
            ("01jd0000000000000000000000", None),
            ("O1JD0000000000000000000000", None),
            ("8ZZZZZZZZZZZZZZZZZZZZZZZZZ", None),
            ("relay:01JD0000000000000000000000", None),
            ("account:01JD0000000000000000000000", None),
            ("Global", None),
            ("", None),
        ] {
            let scope = Scope::of_relay(id);
            assert_eq!(scope.map(|scope| scope.to_string()).as_deref(), stored);
            if let Some(scope) = scope {
                assert_eq!(scope.relay_id(), id);
            }
        }
    }

    #[test]
    fn the_relay_of_an_account_is_stored_with_the_id_of_the_account() {
        let scope = Scope::of_account("01JD0000000000000000000000").expect("an id");
        let stored = "account:01JD0000000000000000000000";
        assert_eq!(scope.to_string(), stored);
        assert_eq!(Scope::of_stored_account(stored), Some(scope));
        assert_eq!(Scope::of_stored_account("relay:01JD"), None);
        assert_eq!(Scope::of_relay_id(stored), Some(scope));
        for other in [
            "",
            "01jd0000000000000000000000",
            "O1JD0000000000000000000000",
        ] {
            assert_eq!(Scope::of_account(other), None, "{other}");
            assert_eq!(Scope::of_relay_id(&format!("account:{other}")), None);
        }
        assert!(scope.is_own() && !Scope::Global.is_own());
    }
}
