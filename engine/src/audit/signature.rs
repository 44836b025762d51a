//! The actor and the origin of an audit row, and of refusals that are counted together.

use crate::Actor;

/// The actor and the origin of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Signature {
    pub(super) actor: String,
    pub(super) origin: String,
}

impl Signature {
    /// For a request whose actor is not known yet, by the name it gives, from an origin or a network.
    pub(crate) fn new(actor: impl Into<String>, origin: impl ToString) -> Self {
        Self {
            actor: actor.into(),
            origin: origin.to_string(),
        }
    }

    /// For requests from a network, whatever name they give.
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

/// Where refused requests come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// An actor.
    Actor,
    /// A client without authentication.
    Stranger,
}

/// The signature of a refusal that has a row of its own, and the one that its repeats are counted under.
#[derive(Debug)]
pub(crate) struct RefusedBy {
    pub(super) source: Source,
    pub(super) by: Signature,
    pub(super) counted: Signature,
}

impl RefusedBy {
    /// For a request whose actor is not known.
    pub(crate) fn stranger(by: Signature, counted: Signature) -> Self {
        let source = Source::Stranger;
        Self {
            source,
            by,
            counted,
        }
    }
}

impl From<&Actor> for RefusedBy {
    /// Repeats are counted whatever address they come from.
    fn from(actor: &Actor) -> Self {
        Self {
            source: Source::Actor,
            by: actor.into(),
            counted: Signature::of_name(actor.signature()),
        }
    }
}

impl From<&Actor> for Signature {
    fn from(actor: &Actor) -> Self {
        Self::new(actor.signature(), &actor.origin)
    }
}
