//! The priority of messages within a queue.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::refusal::TextFault;

/// The priority class of a message. Classes share the connections to a relay by weight, so that none
/// waits for another to be empty.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase", try_from = "String")]
#[strum(
    serialize_all = "lowercase",
    parse_err_ty = TextFault,
    parse_err_fn = unknown_priority
)]
pub enum Priority {
    /// Mail that somebody waits for, such as a password reset or an alarm.
    High,
    /// The default.
    #[default]
    Normal,
    /// Mail to many, such as a newsletter.
    Bulk,
}

impl Priority {
    /// Every class, the most urgent first.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;

    /// The name in the database and in JSON.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::High => "High",
            Self::Normal => "Normal",
            Self::Bulk => "Bulk",
        }
    }

    /// The share of the class among those with messages: of twelve, eight are of high priority, three
    /// of normal and one of bulk.
    pub const fn weight(self) -> u32 {
        match self {
            Self::High => 8,
            Self::Normal => 3,
            Self::Bulk => 1,
        }
    }
}

impl TryFrom<String> for Priority {
    type Error = TextFault;

    fn try_from(text: String) -> Result<Self, TextFault> {
        text.parse()
    }
}

fn unknown_priority(_: &str) -> TextFault {
    "Choose high, normal or bulk."
}
