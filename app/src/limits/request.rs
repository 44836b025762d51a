//! The request to change the limits of an account or of a token, as the form has it.

use domain::limits::sending::LIMIT_NAMES;
use domain::{Fields, Kind, Refusal, SendingLimits};

use super::{LIMITS, typed_limit};
use crate::request::with_query;

/// Whose limits they are, by its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LimitsTarget {
    Account(String),
    Token(String),
}

fn no_target() -> Refusal {
    Refusal::new(Kind::Invalid, "Name an account or a token.")
}

impl LimitsTarget {
    /// Parses the query of the page.
    ///
    /// # Errors
    /// [`Kind::Invalid`] unless it names an account or a token and nothing else.
    pub fn parse(query: &[(String, String)]) -> Result<Self, Refusal> {
        let target = Fields::of(query).read(Self::take)?;
        target.ok_or_else(no_target)
    }

    fn take(fields: &mut Fields<'_>) -> Option<Self> {
        match (fields.take("account"), fields.take("token")) {
            (Some(id), None) => Some(Self::Account(id.to_owned())),
            (None, Some(id)) => Some(Self::Token(id.to_owned())),
            _ => None,
        }
    }

    /// The field of the form that names it.
    pub fn field(&self) -> (&'static str, String) {
        match self {
            Self::Account(id) => ("account", id.clone()),
            Self::Token(id) => ("token", id.clone()),
        }
    }

    /// The path of the page.
    pub fn path(&self) -> String {
        let (name, id) = self.field();
        with_query(LIMITS, [(name, id)])
    }
}

/// The form as typed, as context of the page where it was refused.
#[derive(Clone, Debug, Default)]
pub struct TypedLimits(pub [String; 4]);

impl TypedLimits {
    /// The fields of a form, whatever they contain.
    pub fn of(pairs: &[(String, String)]) -> Self {
        Self(LIMIT_NAMES.map(|name| {
            let found = pairs.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        }))
    }

    /// The form with these limits.
    pub fn saved(limits: &SendingLimits) -> Self {
        Self(
            limits
                .numbers()
                .map(|number| number.map(|number| number.to_string()).unwrap_or_default()),
        )
    }
}

/// A form that changes limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitsRequest {
    pub target: LimitsTarget,
    /// An empty field removes its limit.
    pub limits: SendingLimits,
}

impl LimitsRequest {
    /// Parses names and values.
    ///
    /// # Errors
    /// [`Kind::Invalid`] with the fault of each value, and of names that are
    /// repeated or unknown.
    pub fn parse(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        let mut faults = Refusal::invalid();
        let mut numbers = [None; 4];
        let target = Fields::of(pairs).read(|fields| {
            for (name, number) in LIMIT_NAMES.into_iter().zip(&mut numbers) {
                let text = fields.take(name).unwrap_or_default();
                *number = typed_limit(name, text, &mut faults);
            }
            LimitsTarget::take(fields)
        })?;
        faults.or_ok()?;
        Ok(Self {
            target: target.ok_or_else(no_target)?,
            limits: SendingLimits::of_numbers(numbers),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let pairs = pairs.iter();
        let owned = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        owned.collect()
    }

    #[test]
    fn a_form_sets_and_removes_limits() {
        let pairs = owned(&[
            ("token", "1"),
            ("max_per_minute", " 2 "),
            ("max_per_hour", ""),
            ("max_recipients", "10"),
        ]);
        let request = LimitsRequest::parse(&pairs).expect("valid");
        assert_eq!(request.target, LimitsTarget::Token("1".to_owned()));
        assert_eq!(request.target.path(), "/accounts/limits?token=1");
        let limits = SendingLimits::of_numbers([Some(2), None, None, Some(10)]);
        assert_eq!(request.limits, limits);
        assert_eq!(TypedLimits::saved(&limits).0, ["2", "", "", "10"]);
        assert_eq!(TypedLimits::of(&pairs).0, [" 2 ", "", "", "10"]);
        for (wrong, field) in [
            (
                &[("account", "1"), ("max_per_day", "many")][..],
                "max_per_day",
            ),
            (&[("account", "1"), ("max_per_day", "-1")], "max_per_day"),
            (&[("account", "1"), ("max_per_week", "1")], "max_per_week"),
            (&[("account", "1"), ("token", "1")], "request"),
            (&[("max_per_day", "1")], "request"),
        ] {
            let refusal = LimitsRequest::parse(&owned(wrong)).expect_err(field);
            assert!(refusal.fields.contains_key(field), "{refusal}");
        }
        let account = LimitsTarget::parse(&owned(&[("account", "1")]));
        assert_eq!(account, Ok(LimitsTarget::Account("1".to_owned())));
        assert!(LimitsTarget::parse(&[]).is_err());
    }
}
