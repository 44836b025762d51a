//! Texts about a revision: who saved it, its password, and the values of its fields.

use domain::Label;
use domain::crypto::pem;
use domain::settings::revision::{RevisionPassword, RevisionView};

use crate::components::exact;

/// Who saved a revision, when and from where, and which one it brought back.
pub fn saved(revision: &RevisionView) -> String {
    let at = exact(revision.saved.at);
    let act = match revision.is_removal {
        true => "Removed",
        false => "Saved",
    };
    let mut text = format!("{act} {at} by {}", revision.saved.by);
    if !revision.origin.is_empty() {
        text.push_str(" from ");
        text.push_str(&revision.origin);
    }
    if let Some(number) = revision.restored {
        text.push_str(&format!(", brings back revision {number}"));
    }
    text
}

/// The password that goes with a revision.
pub fn password(password: RevisionPassword) -> &'static str {
    match password {
        RevisionPassword::None => "Without a password.",
        RevisionPassword::Kept => "Its password is kept.",
        RevisionPassword::Forgotten => {
            "Its password is not kept; only the last three that were saved are."
        }
        RevisionPassword::ReEnter => "Its password can no longer be opened: the key is lost.",
    }
}

/// The value of a field as lines; none for an empty value. Of a certificate they describe it.
pub fn value(label: Label, text: &str) -> Vec<String> {
    let line = match (label, text) {
        (_, "") => return Vec::new(),
        (Label::TrustedCertificates, listed) => return certificates(listed),
        (Label::ConnectionType, "None") => "None (StartTLS)".to_owned(),
        (Label::PlaintextAuth, "0") => "No".to_owned(),
        (Label::PlaintextAuth, "1") => "Yes".to_owned(),
        (Label::ConnectTimeout | Label::CommandTimeout, seconds) => format!("{seconds} s"),
        (_, text) => text.to_owned(),
    };
    vec![line]
}

/// The first line of the description of each certificate, and its digest.
fn certificates(text: &str) -> Vec<String> {
    let blocks = pem::blocks(text).unwrap_or_default();
    let described = blocks.iter().map(|block| {
        let mut lines = block.preamble.trim().lines();
        let title = lines.next().unwrap_or("A certificate");
        match lines.find(|line| line.starts_with("SHA-256")) {
            Some(digest) => format!("{title}, {digest}"),
            None => title.to_owned(),
        }
    });
    described.collect()
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::settings::Stamp;

    use super::*;

    fn revision() -> RevisionView {
        RevisionView {
            number: 7,
            saved: Stamp {
                at: Timestamp(1_000),
                by: "ann@example.org".to_owned(),
            },
            origin: "192.0.2.7".to_owned(),
            restored: None,
            verified: None,
            password: RevisionPassword::Kept,
            is_removal: false,
            changes: None,
        }
    }

    #[test]
    fn a_revision_says_who_saved_it_when_and_from_where() {
        let from = "Saved 1970-01-01 00:00:01 UTC by ann@example.org from 192.0.2.7";
        assert_eq!(saved(&revision()), from);
        let restored = RevisionView {
            restored: Some(3),
            ..revision()
        };
        assert_eq!(saved(&restored), format!("{from}, brings back revision 3"));
        let removal = RevisionView {
            is_removal: true,
            origin: String::new(),
            ..revision()
        };
        let text = "Removed 1970-01-01 00:00:01 UTC by ann@example.org";
        assert_eq!(saved(&removal), text, "not recorded");
    }

    #[test]
    fn values_are_shown_in_words() {
        for (label, text, shown) in [
            (Label::Host, "", None),
            (Label::Host, "smtp.example.org", Some("smtp.example.org")),
            (Label::ConnectionType, "None", Some("None (StartTLS)")),
            (Label::AuthenticationType, "None", Some("None")),
            (Label::PlaintextAuth, "0", Some("No")),
            (Label::PlaintextAuth, "1", Some("Yes")),
            (Label::ConnectTimeout, "5", Some("5 s")),
        ] {
            let expected: Vec<&str> = shown.into_iter().collect();
            assert_eq!(value(label, text), expected, "{label:?} {text}");
        }
    }

    #[test]
    fn certificates_are_described() {
        let block = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
        let text = format!(
            "Subject: CN=one\nIssuer: CN=ca\nSHA-256: ab:cd\n{block}Subject: CN=two\n{block}"
        );
        assert_eq!(
            value(Label::TrustedCertificates, &text),
            ["Subject: CN=one, SHA-256: ab:cd", "Subject: CN=two"]
        );
        assert_eq!(value(Label::TrustedCertificates, block), ["A certificate"]);
    }
}
