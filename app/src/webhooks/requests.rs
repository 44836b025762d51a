//! The requests to add, change and remove a webhook, as the forms have them.

use domain::webhook::WebhookChange;
use domain::{Fields, Refusal};

/// The name of the field with the URL.
pub const URL: &str = "url";

/// The URL as typed, as context of the page where it was refused.
#[derive(Clone, Debug, Default)]
pub struct TypedWebhook(pub String);

/// A secret, as context of the page that shows it once.
#[derive(Clone)]
pub struct ShownWebhookSecret {
    /// Host and port of the webhook.
    pub host: String,
    pub secret: String,
}

/// A form that changes the URL of a webhook, or switches it on or off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookChangeRequest {
    pub id: String,
    pub change: WebhookChange,
}

impl WebhookChangeRequest {
    /// Parses names and values.
    ///
    /// # Errors
    /// [`Kind::Invalid`](domain::Kind::Invalid) with the fault of each value, and of names that are
    /// repeated or unknown.
    pub fn parse(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        Fields::of(pairs).read(|fields| {
            let id = fields.take("id").unwrap_or_default().to_owned();
            let change = match fields.take(URL) {
                Some(url) => WebhookChange {
                    url: Some(url.to_owned()),
                    enabled: None,
                },
                None => WebhookChange {
                    url: None,
                    enabled: Some(enabled(fields)),
                },
            };
            Self { id, change }
        })
    }
}

fn enabled(fields: &mut Fields<'_>) -> bool {
    let enabled = fields.take_number("enabled");
    if enabled.is_none() {
        fields.add("enabled", "Say 1 for on or 0 for off.");
    }
    enabled.unwrap_or_default() != 0
}

/// The URL of a form that adds a webhook.
///
/// # Errors
/// As [`WebhookChangeRequest::parse`].
pub fn new_webhook_url(pairs: &[(String, String)]) -> Result<String, Refusal> {
    Fields::of(pairs).read(|fields| fields.take(URL).unwrap_or_default().to_owned())
}

/// The URL of a form, whatever else is in it.
pub fn typed_webhook(pairs: &[(String, String)]) -> TypedWebhook {
    let found = pairs.iter().find(|(name, _)| name == URL);
    TypedWebhook(found.map(|(_, value)| value.clone()).unwrap_or_default())
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
    fn a_change_is_a_url_or_a_switch() {
        for (pair, url, enabled) in [
            (("enabled", "1"), None, Some(true)),
            (("enabled", "0"), None, Some(false)),
            (
                ("url", "https://example.org/"),
                Some("https://example.org/"),
                None,
            ),
        ] {
            let request = WebhookChangeRequest::parse(&owned(&[("id", "x"), pair]));
            let WebhookChangeRequest { id, change } = request.expect("valid");
            let expected = (url.map(str::to_owned), enabled);
            assert_eq!((id.as_str(), (change.url, change.enabled)), ("x", expected));
        }
        for wrong in [
            &[("id", "x")][..],
            &[("id", "x"), ("enabled", "on")],
            &[("id", "x"), ("enabled", "1"), ("url", "y")],
        ] {
            assert!(
                WebhookChangeRequest::parse(&owned(wrong)).is_err(),
                "{wrong:?}"
            );
        }
        assert_eq!(typed_webhook(&owned(&[("url", "x"), ("a", "b")])).0, "x");
        assert!(new_webhook_url(&owned(&[("url", "x"), ("a", "b")])).is_err());
    }
}
