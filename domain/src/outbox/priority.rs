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
#[cfg_attr(feature = "openapi", schema(example = "normal"))]
#[serde(rename_all = "lowercase", try_from = "String")]
#[strum(
    serialize_all = "lowercase",
    parse_err_ty = TextFault,
    parse_err_fn = unknown_priority
)]
pub enum Priority {
    /// Mail that a person waits for, such as a password reset or an alarm.
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

    /// Whether mail of this class has a higher priority than mail of another.
    pub fn is_above(self, other: Self) -> bool {
        self.weight() > other.weight()
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

/// The priorities of the messages that a token submits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriorityLimits {
    /// The priority of a message that names none.
    pub default: Priority,
    /// The highest priority that a message may name.
    pub highest: Priority,
}

impl Default for PriorityLimits {
    /// The default priority is normal, and there is no limit.
    fn default() -> Self {
        Self {
            default: Priority::Normal,
            highest: Priority::High,
        }
    }
}

impl PriorityLimits {
    /// Limits with these values, or the usual ones. The default is normal, or bulk if that is the
    /// highest priority.
    ///
    /// # Errors
    /// The fault of a default above the highest priority.
    pub fn new(default: Option<Priority>, highest: Option<Priority>) -> Result<Self, String> {
        let usual = Self::default();
        let highest = highest.unwrap_or(usual.highest);
        let limits = Self {
            default: default.unwrap_or(usual.default.max(highest)),
            highest,
        };
        match limits.default.is_above(highest) {
            true => Err(format!(
                "The default is not above the highest priority, {}. Choose {}.",
                highest.as_str(),
                limits.allowed()
            )),
            false => Ok(limits),
        }
    }

    /// Whether a token with these limits may not use every priority.
    pub fn is_limited(self) -> bool {
        self.highest != Priority::High
    }

    /// The priority of a message that names this one, or none.
    ///
    /// # Errors
    /// The fault of a priority above the highest.
    pub fn choose(self, named: Option<Priority>) -> Result<Priority, String> {
        let priority = named.unwrap_or(self.default);
        match priority.is_above(self.highest) {
            true => Err(format!(
                "This token sends with a priority up to {}. Choose {}.",
                self.highest.as_str(),
                self.allowed()
            )),
            false => Ok(priority),
        }
    }

    /// The names of the classes that a message may name.
    fn allowed(self) -> String {
        let classes = Priority::ALL.iter();
        let allowed = classes.filter(|class| !class.is_above(self.highest));
        let names: Vec<&str> = allowed.map(|class| class.as_str()).collect();
        names.join(" or ")
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

#[cfg(test)]
mod tests {
    use super::Priority::{Bulk, High, Normal};
    use super::*;

    #[test]
    fn the_default_of_a_token_is_not_above_its_highest_priority() {
        for (default, highest, expected) in [
            (None, None, Some((Normal, High))),
            (Some(Bulk), None, Some((Bulk, High))),
            (Some(High), None, Some((High, High))),
            (None, Some(Normal), Some((Normal, Normal))),
            (None, Some(Bulk), Some((Bulk, Bulk))),
            (Some(Bulk), Some(Normal), Some((Bulk, Normal))),
            (Some(High), Some(Normal), None),
            (Some(Normal), Some(Bulk), None),
        ] {
            let limits = PriorityLimits::new(default, highest);
            let found = limits.ok().map(|limits| (limits.default, limits.highest));
            assert_eq!(found, expected, "{default:?} {highest:?}");
        }
    }

    #[test]
    fn a_message_has_the_default_of_its_token_or_one_up_to_the_highest() {
        for (default, highest, named, expected) in [
            (Normal, High, None, Ok(Normal)),
            (Normal, High, Some(High), Ok(High)),
            (Bulk, Normal, None, Ok(Bulk)),
            (Bulk, Normal, Some(Normal), Ok(Normal)),
            (Bulk, Normal, Some(High), Err("normal or bulk.")),
            (Bulk, Bulk, Some(Normal), Err("Choose bulk.")),
        ] {
            let limits = PriorityLimits { default, highest };
            match (limits.choose(named), expected) {
                (Ok(priority), Ok(expected)) => assert_eq!(priority, expected),
                (Err(fault), Err(allowed)) => assert!(fault.contains(allowed), "{fault}"),
                (other, _) => panic!("{limits:?} {named:?}: {other:?}"),
            }
        }
    }
}
