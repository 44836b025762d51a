//! The cause that was found for a failure, and what it was found by.

use serde::Serialize;

use super::alternatives::Alternative;
use super::rule::Cause;

/// What a cause was found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The words of the relay's reply.
    Words,
    /// The reply's code, its enhanced status code and the stage; the words are unknown.
    Code,
    /// What Postern observed itself: there is no reply.
    Fault,
}

impl Basis {
    /// What to say beside a cause, where it was found by a reply.
    pub const fn note(self) -> Option<&'static str> {
        match self {
            Self::Words => Some("Found by the words of the reply."),
            Self::Code => Some(
                "Postern does not know the words of the reply; this is what its code and the \
                 stage mean.",
            ),
            Self::Fault => None,
        }
    }
}

/// The cause of a failure, with what it was found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Finding {
    /// The cause; the likelier one where two fit.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(value_type = Cause))]
    pub cause: &'static Cause,
    /// What it was found by.
    pub by: Basis,
    /// A second cause that fits the reply as well, and how to tell the two apart.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Alternative>))]
    pub alternative: Option<&'static Alternative>,
}
