//! The form that creates an API token, and what the page shows of the created one.

use domain::limits::sending::LIMIT_NAMES;
use domain::outbox::Priority;
use domain::{Refusal, SendingLimits};
use engine::{NewToken, TokenScope};
use serde::{Deserialize, Deserializer};

use crate::limits::typed_limit;

/// The form, as posted. A refused one is context of the page.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenForm {
    pub name: String,
    /// Addresses separated by commas or spaces.
    pub senders: String,
    /// Absent unless checked, which is for tokens of administrators.
    #[serde(deserialize_with = "checked")]
    pub any_sender: Option<String>,
    /// Empty if the token does not expire.
    pub expires_days: String,
    /// The name of one, or empty.
    pub default_priority: String,
    /// The name of one, or empty.
    pub highest_priority: String,
    /// Empty without a limit, as the other limits.
    pub max_per_minute: String,
    pub max_per_hour: String,
    pub max_per_day: String,
    pub max_recipients: String,
    /// Absent unless checked, as the other scopes.
    #[serde(deserialize_with = "checked")]
    pub send: Option<String>,
    #[serde(deserialize_with = "checked")]
    pub read: Option<String>,
    #[serde(deserialize_with = "checked")]
    pub admin: Option<String>,
}

/// The value of a checked box.
fn checked<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

/// The secret of a token that was just created, as context of the page.
#[derive(Clone)]
pub struct CreatedToken(pub String);

impl TokenForm {
    /// Whether a scope is checked.
    pub fn has(&self, scope: TokenScope) -> bool {
        let checked = match scope {
            TokenScope::Send => &self.send,
            TokenScope::Read => &self.read,
            TokenScope::Admin => &self.admin,
        };
        checked.is_some()
    }

    /// The limits as typed, in the order of [`LIMIT_NAMES`].
    pub fn limits(&self) -> [String; 4] {
        [
            &self.max_per_minute,
            &self.max_per_hour,
            &self.max_per_day,
            &self.max_recipients,
        ]
        .map(String::clone)
    }

    /// The token to create.
    ///
    /// # Errors
    /// [`Kind::Invalid`](domain::Kind::Invalid) under `scopes` if none is checked, and under
    /// `expires_days`, `default_priority`, `highest_priority` and the names of limits.
    pub fn parse(&self) -> Result<NewToken, Refusal> {
        let mut faults = Refusal::invalid();
        let scopes = [TokenScope::Send, TokenScope::Read, TokenScope::Admin];
        let scopes = scopes.into_iter().filter(|scope| self.has(*scope));
        let scopes: Vec<String> = scopes.map(|scope| <&str>::from(scope).to_owned()).collect();
        if scopes.is_empty() {
            faults.add("scopes", "Choose what the token may do.");
        }
        let days = self.expires_days.trim();
        let expires_days = match days.parse() {
            Ok(days) => Some(days),
            Err(_) if days.is_empty() => None,
            Err(_) => {
                faults.add("expires_days", "Enter a number of days, or nothing.");
                None
            }
        };
        let mut priority = |name: &'static str, text: &str| match text.parse::<Priority>() {
            Ok(priority) => Some(priority),
            Err(_) if text.is_empty() => None,
            Err(fault) => {
                faults.add(name, fault);
                None
            }
        };
        let default_priority = priority("default_priority", &self.default_priority);
        let highest_priority = priority("highest_priority", &self.highest_priority);
        let mut numbers = [None; 4];
        for ((name, text), number) in LIMIT_NAMES.into_iter().zip(self.limits()).zip(&mut numbers) {
            *number = typed_limit(name, &text, &mut faults);
        }
        faults.or_ok()?;
        let senders = self.senders.split([',', ' ', '\r', '\n']);
        Ok(NewToken {
            account: None,
            name: self.name.clone(),
            scopes,
            expires_days,
            default_priority,
            highest_priority,
            any_sender: self.any_sender.is_some(),
            limits: SendingLimits::of_numbers(numbers),
            senders: senders
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use domain::Kind;

    use super::*;
    use crate::form::read_fields;

    #[test]
    fn a_box_is_checked_or_absent() {
        let fields = [("name", "billing"), ("read", "on")];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let form: TokenForm = read_fields(&fields).expect("read");
        assert_eq!(
            (form.name.as_str(), form.read.as_deref()),
            ("billing", Some("on"))
        );
        assert!(form.send.is_none() && form.admin.is_none() && form.any_sender.is_none());
    }

    #[test]
    fn a_form_becomes_the_token_to_create() {
        let form = TokenForm {
            name: "billing".to_owned(),
            senders: "a@example.org, b@example.org\r\n".to_owned(),
            expires_days: " 30 ".to_owned(),
            default_priority: "bulk".to_owned(),
            max_per_hour: "100".to_owned(),
            send: Some("on".to_owned()),
            ..TokenForm::default()
        };
        let new = form.parse().expect("valid");
        assert_eq!(new.scopes, ["send"]);
        assert_eq!(new.senders, ["a@example.org", "b@example.org"]);
        assert_eq!(new.expires_days, Some(30));
        assert!(!new.any_sender);
        let form = TokenForm {
            any_sender: Some("on".to_owned()),
            ..form
        };
        assert!(form.parse().expect("valid").any_sender);
        assert_eq!(new.default_priority, Some(Priority::Bulk));
        assert_eq!(new.highest_priority, None);
        let limits = SendingLimits::of_numbers([None, Some(100), None, None]);
        assert_eq!(new.limits, limits);
        let form = TokenForm {
            expires_days: "soon".to_owned(),
            highest_priority: "urgent".to_owned(),
            max_recipients: "few".to_owned(),
            ..TokenForm::default()
        };
        let refusal = form.parse().expect_err("no scope, no number");
        assert_eq!(refusal.kind, Kind::Invalid);
        assert!(refusal.fields.contains_key("scopes"));
        assert!(refusal.fields.contains_key("expires_days"));
        assert!(refusal.fields.contains_key("highest_priority"));
        assert!(refusal.fields.contains_key("max_recipients"));
    }
}
