//! The cause found for a failure, and the evidence it is based on.

use serde::Serialize;

use super::alternatives::Alternative;
use super::rule::Cause;

/// The evidence that a cause is based on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The words of the relay's reply.
    Words,
    /// The reply's code, its enhanced status code and the stage, because the words are unknown.
    Code,
    /// A failure without a reply, which Postern observed itself.
    Fault,
}

impl Basis {
    /// The note on a cause that was found by a reply.
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

/// The cause of a failure, with its evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Finding {
    /// The cause; if two fit, the likelier one.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(value_type = Cause))]
    pub cause: &'static Cause,
    /// The evidence that the cause is based on.
    pub by: Basis,
    /// A second cause that fits the reply as well, and how to tell the two apart.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Alternative>))]
    pub alternative: Option<&'static Alternative>,
}
