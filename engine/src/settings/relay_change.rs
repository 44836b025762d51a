//! Changes of a relay: validated, with all faults by field, and named for the audit log.

use domain::limits::sending::MESSAGES_MAX;
use domain::mail::host::check_name;
use domain::settings::relay::{Change, RelayChange, RelayConfig, RelayLimits};
use domain::{Kind, Refusal};

use crate::smtp::to_ascii;

/// The longest name of a relay, in characters.
const NAME_MAX: usize = 60;

/// The most connections of a relay.
const CONNECTIONS_MAX: u32 = 1_000;

const NAME: &str = "name";
const FROM_DOMAIN: &str = "from_domain";

/// The relay `before` with a change.
///
/// # Errors
/// [`Kind::Invalid`] with all faults by field. `others` are the names of the other relays.
pub(super) fn changed(
    before: &RelayConfig,
    change: &RelayChange,
    others: &[&str],
) -> Result<RelayConfig, Refusal> {
    let mut faults = Refusal::invalid();
    let name = name(change.name.as_deref().unwrap_or(&before.name), others);
    let from_domain = match &change.from_domain {
        Change::Keep => Ok(before.from_domain.clone()),
        Change::Clear => Ok(None),
        Change::Set(text) => from_domain(text),
    };
    let limits = before.limits;
    let mut limit = |field, change: &Change<i64>, before, max| match change {
        Change::Keep => before,
        Change::Clear => None,
        Change::Set(number) => {
            let number = u32::try_from(*number).ok();
            let number = number.filter(|number| (1..=max).contains(number));
            if number.is_none() {
                let text = format!("A limit is 1 to {max}, or nothing.");
                faults.add(field, text);
            }
            number
        }
    };
    let limits = RelayLimits {
        max_connections: limit(
            "max_connections",
            &change.max_connections,
            limits.max_connections,
            CONNECTIONS_MAX,
        ),
        per_minute: limit(
            "per_minute",
            &change.per_minute,
            limits.per_minute,
            MESSAGES_MAX,
        ),
        per_hour: limit("per_hour", &change.per_hour, limits.per_hour, MESSAGES_MAX),
        per_day: limit("per_day", &change.per_day, limits.per_day, MESSAGES_MAX),
    };
    let (name, from_domain) = Refusal::both(name, from_domain).unwrap_or_else(|refusal| {
        faults.fields.extend(refusal.fields);
        Default::default()
    });
    faults.or_ok()?;
    Ok(RelayConfig {
        name,
        from_domain,
        enabled: change.enabled.unwrap_or(before.enabled),
        limits,
    })
}

/// Validates a name, which no other relay may have in any case.
fn name(text: &str, others: &[&str]) -> Result<String, Refusal> {
    let refused = |text: &str| Err(Refusal::of(Kind::Invalid, NAME, text));
    let name = text.trim();
    let lower = name.to_lowercase();
    if name.is_empty() {
        return refused("Enter a name for the relay.");
    }
    if name.chars().any(char::is_control) {
        return refused("A name has no line breaks and no other control characters.");
    }
    if name.chars().count() > NAME_MAX {
        return refused("A name has at most 60 characters.");
    }
    if others.iter().any(|other| other.to_lowercase() == lower) {
        return refused("Another relay has this name. Choose a different one.");
    }
    Ok(name.to_owned())
}

/// A domain as A-labels in lower case; `None` for an empty text.
fn from_domain(text: &str) -> Result<Option<String>, Refusal> {
    let refused = |text: &str| Err(Refusal::of(Kind::Invalid, FROM_DOMAIN, text));
    let domain = text.trim();
    if domain.is_empty() {
        return Ok(None);
    }
    if domain.contains('@') {
        return refused("Enter only the part after the @, as in example.org.");
    }
    let domain = domain.trim_end_matches('.').to_lowercase();
    if let Err(fault) = check_name(&domain) {
        return refused(fault);
    }
    match to_ascii(&domain) {
        Some(domain) => Ok(Some(domain)),
        None => refused("This domain has no form in DNS; check its characters."),
    }
}

/// The fields in which two relays differ with their values, as in `per_hour from 100 to none`.
pub(super) fn differences(before: &RelayConfig, after: &RelayConfig) -> Vec<String> {
    let (was, is) = (values(before), values(after));
    was.into_iter()
        .zip(is)
        .filter_map(|((field, was), (_, is))| difference(field, &was, &is))
        .collect()
}

/// A field that differs, with its values.
pub(super) fn difference(field: &str, before: &str, after: &str) -> Option<String> {
    (before != after).then(|| format!("{field} from {before} to {after}"))
}

/// The fields of a relay with their values.
fn values(relay: &RelayConfig) -> [(&'static str, String); 7] {
    let limits = relay.limits;
    let limit = |number: Option<u32>| number.map_or_else(none, |number| number.to_string());
    [
        (NAME, format!("“{}”", relay.name)),
        (FROM_DOMAIN, relay.from_domain.clone().unwrap_or_else(none)),
        ("enabled", relay.enabled.to_string()),
        ("max_connections", limit(limits.max_connections)),
        ("per_minute", limit(limits.per_minute)),
        ("per_hour", limit(limits.per_hour)),
        ("per_day", limit(limits.per_day)),
    ]
}

fn none() -> String {
    "none".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay() -> RelayConfig {
        RelayConfig {
            name: "Main relay".to_owned(),
            from_domain: Some("example.org".to_owned()),
            enabled: true,
            limits: RelayLimits {
                per_hour: Some(100),
                ..RelayLimits::default()
            },
        }
    }

    #[test]
    fn what_is_absent_stays_and_what_is_cleared_goes() {
        let kept = changed(&relay(), &RelayChange::default(), &[]).expect("valid");
        assert_eq!(kept, relay());
        assert!(differences(&relay(), &kept).is_empty());
        let change = RelayChange {
            name: Some(" Backup ".to_owned()),
            from_domain: Change::Clear,
            enabled: Some(false),
            max_connections: Change::Set(4),
            per_hour: Change::Clear,
            ..RelayChange::default()
        };
        let after = changed(&relay(), &change, &["Other"]).expect("valid");
        assert_eq!(after.name, "Backup");
        assert_eq!(after.limits.max_connections, Some(4));
        assert_eq!(after.limits.per_hour, None);
        assert_eq!(
            differences(&relay(), &after),
            [
                "name from “Main relay” to “Backup”",
                "from_domain from example.org to none",
                "enabled from true to false",
                "max_connections from none to 4",
                "per_hour from 100 to none"
            ]
        );
    }

    #[test]
    fn a_from_domain_is_stored_as_a_labels_in_lower_case() {
        for (typed, stored) in [
            ("Example.ORG", Some(Some("example.org"))),
            (" bücher.example. ", Some(Some("xn--bcher-kva.example"))),
            ("BÜCHER.example", Some(Some("xn--bcher-kva.example"))),
            ("  ", Some(None)),
            ("alerts@example.org", None),
            ("192.0.2.1", None),
            ("a b.example", None),
            ("⒈.example", None),
        ] {
            let read = from_domain(typed);
            let read = read.as_ref().map(Option::as_deref).map_err(|_| ());
            assert_eq!(read, stored.ok_or(()), "{typed}");
        }
    }

    #[test]
    fn every_fault_is_reported_by_field() {
        let change = RelayChange {
            name: Some("backup\n".to_owned()),
            from_domain: Change::Set("a@b".to_owned()),
            max_connections: Change::Set(1_001),
            per_minute: Change::Set(0),
            per_hour: Change::Set(-1),
            per_day: Change::Set(i64::MAX),
            ..RelayChange::default()
        };
        let refusal = changed(&relay(), &change, &["BACKUP"]).expect_err("refused");
        assert_eq!(
            refusal.fields.keys().collect::<Vec<_>>(),
            [
                "from_domain",
                "max_connections",
                "name",
                "per_day",
                "per_hour",
                "per_minute"
            ]
        );
        for wrong in ["", " ", "a\tb", "Main Relay", &"x".repeat(61)] {
            assert!(name(wrong, &["main relay"]).is_err(), "{wrong:?}");
        }
    }
}
