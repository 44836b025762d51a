//! The requests to add, change and remove a relay, as the forms have them.

use domain::settings::relay::{Change, RelayChange};
use domain::{Fields, Refusal};

use super::{RELAYS, relay_path};

/// The names of the limits.
pub const LIMITS: [&str; 4] = ["max_connections", "per_minute", "per_hour", "per_day"];

/// A refused form as typed, as context of the page.
#[derive(Clone, Debug)]
pub struct TypedRelay(pub Vec<(String, String)>);

impl TypedRelay {
    /// The value of a field, if the form had it.
    pub fn value(&self, name: &str) -> Option<String> {
        let mut fields = self.0.iter();
        fields
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    }
}

/// The relay of a form that adds one.
///
/// # Errors
/// [`Kind::Invalid`](domain::Kind::Invalid) with the fault of each value, and of names that are
/// repeated or unknown.
pub fn new_relay(pairs: &[(String, String)]) -> Result<RelayChange, Refusal> {
    Fields::of(pairs).read(change)
}

/// A form that changes a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeRequest {
    pub id: String,
    /// The revision that the form was made from.
    pub revision: Option<i64>,
    pub change: RelayChange,
}

impl ChangeRequest {
    /// Parses names and values.
    ///
    /// # Errors
    /// As [`new_relay`].
    pub fn parse(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        Fields::of(pairs).read(|fields| Self {
            id: fields.take("id").unwrap_or_default().to_owned(),
            revision: fields.take_number("revision"),
            change: change(fields),
        })
    }

    /// The page that has the form with these fields: that of the relay has its name, the list has
    /// buttons only.
    pub fn page(pairs: &[(String, String)]) -> String {
        let value = |name| {
            let mut named = pairs.iter().filter(|(known, _)| known == name);
            named.next().map(|(_, value)| value.as_str())
        };
        match (value("name"), value("id").filter(is_id)) {
            (Some(_), Some(id)) => relay_path(id),
            _ => RELAYS.to_owned(),
        }
    }
}

/// Whether a text can be the id of a relay, and a part of a path.
fn is_id(id: &&str) -> bool {
    id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A form that has a relay checked at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckRequest {
    pub id: String,
    /// The page that has the form.
    pub page: String,
}

impl CheckRequest {
    /// Parses names and values. The form of the page of a relay has `from` beside the id.
    ///
    /// # Errors
    /// As [`new_relay`].
    pub fn parse(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        Fields::of(pairs).read(|fields| {
            let id = fields.take("id").unwrap_or_default();
            let of_relay = fields.take("from").is_some();
            Self {
                id: id.to_owned(),
                page: match Some(id).filter(is_id) {
                    Some(id) if of_relay => relay_path(id),
                    _ => RELAYS.to_owned(),
                },
            }
        })
    }
}

/// A form that removes a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoveRequest {
    pub id: String,
    /// The revision that was shown.
    pub revision: Option<i64>,
}

impl RemoveRequest {
    /// Parses names and values.
    ///
    /// # Errors
    /// As [`new_relay`].
    pub fn parse(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        Fields::of(pairs).read(|fields| Self {
            id: fields.take("id").unwrap_or_default().to_owned(),
            revision: fields.take_number("revision"),
        })
    }
}

/// Takes the fields of a change. Absent ones stay, empty ones are removed.
fn change(fields: &mut Fields<'_>) -> RelayChange {
    let [max_connections, per_minute, per_hour, per_day] = LIMITS.map(|name| limit(fields, name));
    RelayChange {
        name: fields.take("name").map(str::to_owned),
        from_domain: match fields.take("from_domain") {
            None => Change::Keep,
            Some(text) => Change::Set(text.to_owned()),
        },
        enabled: fields.take_number("enabled").map(|on| on != 0),
        position: fields.take_number("position"),
        max_connections,
        per_minute,
        per_hour,
        per_day,
    }
}

fn limit(fields: &mut Fields<'_>, name: &str) -> Change<i64> {
    match fields.take(name).map(str::trim) {
        None => Change::Keep,
        Some("") => Change::Clear,
        Some(text) => match text.parse() {
            Ok(number) => Change::Set(number),
            Err(_) => {
                fields.add(name, "Enter a whole number, or nothing.");
                Change::Keep
            }
        },
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

    fn parsed(pairs: &[(&str, &str)]) -> Result<ChangeRequest, Vec<String>> {
        let parsed = ChangeRequest::parse(&owned(pairs));
        parsed.map_err(|refusal| refusal.fields.into_keys().collect())
    }

    #[test]
    fn a_check_leads_back_to_its_page() {
        for (pairs, page) in [
            (&[("id", "global")][..], "/settings/relays"),
            (
                &[("id", "global"), ("from", "relay")],
                "/settings/relays/global",
            ),
            (
                &[("id", "../outbox"), ("from", "relay")],
                "/settings/relays",
            ),
        ] {
            let request = CheckRequest::parse(&owned(pairs)).expect("read");
            assert_eq!((&*request.id, &*request.page), (pairs[0].1, page));
        }
        let unknown = CheckRequest::parse(&owned(&[("id", "global"), ("all", "1")]));
        assert!(unknown.is_err());
    }

    #[test]
    fn a_button_of_the_list_changes_one_thing() {
        let moved = parsed(&[("id", "global"), ("revision", "3"), ("position", "2")]);
        let moved = moved.expect("valid");
        let change = RelayChange {
            position: Some(2),
            ..RelayChange::default()
        };
        assert_eq!((moved.revision, &moved.change), (Some(3), &change));
        let off = parsed(&[("id", "global"), ("enabled", "0")]).expect("valid");
        assert_eq!(off.change.enabled, Some(false));
    }

    #[test]
    fn the_form_of_a_relay_sets_and_removes_limits() {
        let saved = parsed(&[
            ("id", "01J"),
            ("name", "News"),
            ("from_domain", ""),
            ("max_connections", " 4 "),
            ("per_minute", ""),
        ]);
        let saved = saved.expect("valid");
        assert_eq!(saved.change.max_connections, Change::Set(4));
        assert_eq!(saved.change.per_minute, Change::Clear);
        assert_eq!(saved.change.per_hour, Change::Keep);
        for (pairs, faults) in [
            (&[("per_day", "many")][..], &["per_day"][..]),
            (&[("per_day", "1.5"), ("nam", "x")], &["nam", "per_day"]),
            (&[("name", "a"), ("name", "b")], &["name"]),
            (&[("position", "up")], &["position"]),
        ] {
            assert_eq!(parsed(pairs).expect_err("refused"), faults, "{pairs:?}");
        }
    }

    #[test]
    fn a_refused_form_is_shown_on_its_page() {
        for (pairs, page) in [
            (&[("id", "01J"), ("position", "2")][..], "/settings/relays"),
            (&[("id", "01J"), ("name", "")], "/settings/relays/01J"),
            (&[("id", "../email"), ("name", "x")], "/settings/relays"),
            (&[("name", "x")], "/settings/relays"),
        ] {
            assert_eq!(ChangeRequest::page(&owned(pairs)), page);
        }
    }
}
