//! The scope that settings belong to: what the columns named `scope` hold.

use std::fmt;

use domain::relay::MAIN;
use ulid::Ulid;

/// The relay whose settings a row belongs to.
///
/// It is displayed as stored. Sealed values are bound to that text, so it never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The first relay of the organisation.
    Global,
    /// Another relay of the organisation.
    Relay(Ulid),
}

impl Scope {
    /// The scope of the relay with this id: `global` or a ULID as it was answered. `None` for other
    /// texts.
    pub fn of_relay(id: &str) -> Option<Self> {
        if id == MAIN {
            return Some(Self::Global);
        }
        let ulid = Ulid::from_string(id).ok()?;
        // Crockford's Base32 has several texts for one number.
        (ulid.to_string() == id).then_some(Self::Relay(ulid))
    }

    /// The id of the relay.
    pub fn relay_id(self) -> String {
        match self {
            Self::Global => MAIN.to_owned(),
            Self::Relay(id) => id.to_string(),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global => f.write_str("global"),
            Self::Relay(id) => write!(f, "relay:{id}"),
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
}
