//! The requests to add, change and remove a webhook, as the forms have them.

use domain::{Fields, Refusal};

/// The name of the field with the URL.
pub const URL: &str = "url";

/// The URL as typed. The server crate provides it as context of the page where it was refused.
#[derive(Clone, Debug, Default)]
pub struct TypedWebhook(pub String);

/// A secret, as context of the page that shows it once.
#[derive(Clone)]
pub struct ShownWebhookSecret {
    /// Host and port of the webhook.
    pub host: String,
    pub secret: String,
}

/// A form that switches a webhook on or off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSwitch {
    pub id: String,
    pub enabled: bool,
}

impl WebhookSwitch {
    /// Parses names and values.
    ///
    /// # Errors
    /// [`Kind::Invalid`](domain::Kind::Invalid) with the fault of each value, and of names that are
    /// repeated or unknown.
    pub fn parse(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        Fields::of(pairs).read(|fields| {
            let id = fields.take("id").unwrap_or_default().to_owned();
            let enabled = fields.take_number("enabled");
            if enabled.is_none() {
                fields.add("enabled", "Say 1 for on or 0 for off.");
            }
            Self {
                id,
                enabled: enabled.unwrap_or_default() != 0,
            }
        })
    }
}

/// The URL of a form that adds a webhook.
///
/// # Errors
/// As [`WebhookSwitch::parse`].
pub fn new_webhook_url(pairs: &[(String, String)]) -> Result<String, Refusal> {
    Fields::of(pairs).read(|fields| fields.take(URL).unwrap_or_default().to_owned())
}

/// The URL of a form, whatever else is in it.
pub fn typed_webhook(pairs: &[(String, String)]) -> TypedWebhook {
    let found = pairs.iter().find(|(name, _)| name == URL);
    TypedWebhook(found.map(|(_, value)| value.clone()).unwrap_or_default())
}

/// The id in the fields of a form or a query that has nothing else.
///
/// # Errors
/// As [`WebhookSwitch::parse`].
pub fn webhook_id(pairs: &[(String, String)]) -> Result<String, Refusal> {
    Fields::of(pairs).read(|fields| fields.take("id").unwrap_or_default().to_owned())
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
    fn a_switch_says_on_or_off() {
        for (value, enabled) in [("1", true), ("0", false)] {
            let switch = WebhookSwitch::parse(&owned(&[("id", "x"), ("enabled", value)]));
            let switch = switch.expect("valid");
            assert_eq!((switch.id.as_str(), switch.enabled), ("x", enabled));
        }
        for wrong in [
            &[("id", "x")][..],
            &[("id", "x"), ("enabled", "on")],
            &[("id", "x"), ("enabled", "1"), ("url", "y")],
        ] {
            assert!(WebhookSwitch::parse(&owned(wrong)).is_err(), "{wrong:?}");
        }
        assert_eq!(typed_webhook(&owned(&[("url", "x"), ("a", "b")])).0, "x");
        assert!(new_webhook_url(&owned(&[("url", "x"), ("a", "b")])).is_err());
    }
}
