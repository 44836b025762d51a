//! The JSON document of `postern export` and `postern import`: relays and their settings.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::settings::relay::{Change, RelayChange, RelayConfig, RelayLimits};
use crate::{Form, Kind, Label, Refusal};

/// The value of the field `format`.
pub const FORMAT: &str = "postern-settings";

/// The version of documents that are written; no other version is read.
pub const VERSION: u32 = 1;

/// The relays of the organisation, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsDocument {
    /// The format, [`FORMAT`].
    pub format: String,
    /// The version, [`VERSION`].
    pub version: u32,
    /// When the document was written (RFC 3339).
    pub exported_at: String,
    /// The relays.
    pub relays: Vec<RelayDocument>,
}

/// A relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelayDocument {
    /// The name.
    pub name: String,
    /// Whether the relay is the first one, which every Postern has.
    #[serde(default)]
    pub first: bool,
    /// Whether mail is sent through the relay.
    pub enabled: bool,
    /// The From domain whose mail the relay takes.
    pub from_domain: Option<String>,
    /// The maximum number of connections at a time.
    pub max_connections: Option<u32>,
    /// The maximum number of messages a minute.
    pub per_minute: Option<u32>,
    /// The maximum number of messages an hour.
    pub per_hour: Option<u32>,
    /// The maximum number of messages a day.
    pub per_day: Option<u32>,
    /// The SMTP settings without the password; none before the first save.
    pub settings: Option<BTreeMap<Label, String>>,
    /// Whether the relay has a password.
    pub has_password: bool,
    /// The password, sealed for the public key given to the export: a JWE in compact serialisation.
    /// Without a key it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

impl RelayDocument {
    /// A relay without its SMTP settings.
    pub fn new(config: &RelayConfig, first: bool) -> Self {
        let limits = config.limits;
        Self {
            name: config.name.clone(),
            first,
            enabled: config.enabled,
            from_domain: config.from_domain.clone(),
            max_connections: limits.max_connections,
            per_minute: limits.per_minute,
            per_hour: limits.per_hour,
            per_day: limits.per_day,
            settings: None,
            has_password: false,
            password: None,
        }
    }

    /// The SMTP settings; absent ones have their default.
    pub fn form(&self) -> Option<Form> {
        self.settings.clone().map(Form::from)
    }

    /// The limits.
    pub fn limits(&self) -> RelayLimits {
        RelayLimits {
            max_connections: self.max_connections,
            per_minute: self.per_minute,
            per_hour: self.per_hour,
            per_day: self.per_day,
        }
    }

    /// The change that gives a relay these properties, without the SMTP settings.
    pub fn change(&self) -> RelayChange {
        RelayChange {
            name: Some(self.name.clone()),
            from_domain: self.from_domain.clone().map_or(Change::Clear, Change::Set),
            enabled: Some(self.enabled),
            position: None,
            max_connections: limit(self.max_connections),
            per_minute: limit(self.per_minute),
            per_hour: limit(self.per_hour),
            per_day: limit(self.per_day),
        }
    }
}

fn limit(limit: Option<u32>) -> Change<i64> {
    limit.map_or(Change::Clear, |limit| Change::Set(limit.into()))
}

/// Reads a document.
///
/// # Errors
/// [`Kind::Invalid`] if the text is not a document of this version, if two relays have the same name or
/// are both the first, if a password is not sealed, or if a name or a From domain contains control
/// characters.
pub fn parse(text: &str) -> Result<SettingsDocument, Refusal> {
    let invalid = |text: String| Refusal::new(Kind::Invalid, text);
    let document: SettingsDocument = serde_json::from_str(text).map_err(|error| {
        invalid(format!(
            "This is not a document of postern export: {error}."
        ))
    })?;
    if document.format != FORMAT || document.version != VERSION {
        let text = format!("The document is no “{FORMAT}” of version {VERSION}.");
        return Err(invalid(text));
    }
    let mut names = BTreeSet::new();
    for relay in &document.relays {
        let texts = [Some(&relay.name), relay.from_domain.as_ref()];
        let is_plain = |text: &String| !text.chars().any(char::is_control);
        if !texts.into_iter().flatten().all(is_plain) {
            // Names and From domains are shown before they are validated.
            let text = "The name or the From domain of a relay has control characters.";
            return Err(invalid(text.to_owned()));
        }
        if !names.insert(relay.name.trim().to_lowercase()) {
            let text = format!("Two relays have the name “{}”.", relay.name);
            return Err(invalid(text));
        }
        let settings = relay.settings.as_ref();
        if settings.is_some_and(|settings| settings.contains_key(&Label::Password)) {
            let text = format!(
                "The settings of “{}” have a password that is not sealed. Take it out; it is typed again \
                 after the import, or sealed by postern export --key.",
                relay.name
            );
            return Err(invalid(text));
        }
    }
    if document.relays.iter().filter(|relay| relay.first).count() > 1 {
        return Err(invalid("Two relays are the first one.".to_owned()));
    }
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay(name: &str) -> RelayDocument {
        let config = RelayConfig {
            name: name.to_owned(),
            from_domain: Some("example.org".to_owned()),
            enabled: false,
            limits: RelayLimits {
                per_hour: Some(100),
                ..RelayLimits::default()
            },
        };
        let form = Form::default().with(Label::Host, "smtp.example.org");
        let fields: Vec<(Label, String)> = form.into();
        RelayDocument {
            settings: Some(fields.into_iter().collect()),
            ..RelayDocument::new(&config, name == "Main relay")
        }
    }

    fn document(relays: Vec<RelayDocument>) -> SettingsDocument {
        SettingsDocument {
            format: FORMAT.to_owned(),
            version: VERSION,
            exported_at: "2026-11-30T00:00:00Z".to_owned(),
            relays,
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let document = document(vec![relay("Main relay"), relay("Backup")]);
        let text = serde_json::to_string_pretty(&document).expect("serialises");
        assert!(text.contains("\"smtp_host\": \"smtp.example.org\""));
        assert!(!text.contains("\"password\"") && !text.contains('*'));
        assert_eq!(parse(&text).as_ref(), Ok(&document));
        let change = document.relays[1].change();
        assert_eq!(change.per_hour, Change::Set(100));
        assert_eq!(change.per_day, Change::Clear);
        assert_eq!(change.from_domain, Change::Set("example.org".to_owned()));
        assert_eq!(change.enabled, Some(false));
        let form = document.relays[0].form().expect("settings");
        assert_eq!(form.get(Label::Host), "smtp.example.org");
        assert_eq!(form.get(Label::ConnectionType), "None");
    }

    #[test]
    fn other_documents_are_refused_with_the_reason() {
        let with = |edit: fn(&mut serde_json::Value)| {
            let document = document(vec![relay("Main relay"), relay("Backup")]);
            let mut value = serde_json::to_value(document).expect("serialises");
            edit(&mut value);
            value.to_string()
        };
        for (text, reason) in [
            ("{}".to_owned(), "not a document"),
            (with(|value| value["version"] = 2.into()), "version 1"),
            (
                with(|value| value["format"] = "other".into()),
                "no “postern",
            ),
            (with(|value| value["more"] = 1.into()), "more"),
            (
                with(|value| value["relays"][1]["name"] = "MAIN relay".into()),
                "Two relays have the name",
            ),
            (
                with(|value| value["relays"][1]["name"] = "Backup\u{1b}[2J".into()),
                "control characters",
            ),
            (
                with(|value| value["relays"][1]["from_domain"] = "\u{1b}[2J".into()),
                "control characters",
            ),
            (
                with(|value| value["relays"][1]["first"] = true.into()),
                "Two relays are the first",
            ),
            (
                with(|value| value["relays"][0]["settings"]["smtp_hosts"] = "x".into()),
                "smtp_hosts",
            ),
            (
                with(|value| value["relays"][0]["settings"]["smtp_password"] = "x".into()),
                "not sealed",
            ),
        ] {
            let refusal = parse(&text).expect_err(reason);
            assert!(refusal.text().contains(reason), "{reason}: {refusal}");
        }
    }
}
