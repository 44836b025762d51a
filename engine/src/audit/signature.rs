//! Who an audit row is about: the actor and the origin.

use crate::{Actor, Origin};

/// The actor and the origin of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Signature {
    pub(super) actor: String,
    pub(super) origin: String,
}

impl Signature {
    /// For a request whose actor is not known yet, by the name it gives.
    pub(crate) fn new(actor: impl Into<String>, origin: &Origin) -> Self {
        Self {
            actor: actor.into(),
            origin: origin.to_string(),
        }
    }

    /// For requests of anybody in a network.
    pub(crate) fn of_network(network: impl ToString) -> Self {
        Self {
            actor: String::new(),
            origin: network.to_string(),
        }
    }

    /// For requests from several networks that give the same name.
    pub(crate) fn of_name(name: impl Into<String>) -> Self {
        Self {
            actor: name.into(),
            origin: String::new(),
        }
    }
}

impl From<&Actor> for Signature {
    fn from(actor: &Actor) -> Self {
        Self::new(actor.signature(), &actor.origin)
    }
}
