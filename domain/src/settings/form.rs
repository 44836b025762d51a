//! Settings as text, and their validation into [`SmtpSettings`]: the only mapping of labels.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::crypto::pem;
use crate::mail::host::{check_name, parse_address_literal};
use crate::{CertificateCheck, EmailAddress, Host, Label, Refusal, SmtpSettings};

/// The maximum length of a user name in characters.
pub const USERNAME_MAX: usize = 255;
/// The maximum length of a password in characters.
pub const PASSWORD_MAX: usize = 245;
/// The maximum length of a display name in characters.
pub const FROM_NAME_MAX: usize = 128;

/// The text of each label except the password, exactly as typed or stored, in the order of
/// [`Label::SHOWN`]. It serialises as pairs of label and text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(Label, String)>", into = "Vec<(Label, String)>")]
pub struct Form([String; Label::SHOWN.len()]);

impl Default for Form {
    fn default() -> Self {
        Self(Label::SHOWN.map(|label| label.default_value().to_owned()))
    }
}

impl FromIterator<(Label, String)> for Form {
    /// Absent labels get their default. The password is ignored.
    fn from_iter<I: IntoIterator<Item = (Label, String)>>(values: I) -> Self {
        let mut form = Self::default();
        for (label, value) in values {
            if let Some(place) = place(label) {
                form.0[place] = value;
            }
        }
        form
    }
}

impl From<BTreeMap<Label, String>> for Form {
    fn from(values: BTreeMap<Label, String>) -> Self {
        values.into_iter().collect()
    }
}

impl From<Vec<(Label, String)>> for Form {
    fn from(values: Vec<(Label, String)>) -> Self {
        values.into_iter().collect()
    }
}

impl From<Form> for Vec<(Label, String)> {
    fn from(form: Form) -> Self {
        Label::SHOWN.into_iter().zip(form.0).collect()
    }
}

fn place(label: Label) -> Option<usize> {
    Label::SHOWN.iter().position(|shown| *shown == label)
}

impl From<&SmtpSettings> for Form {
    fn from(settings: &SmtpSettings) -> Self {
        let value = |label| match label {
            Label::FromAddress => settings.from_address.to_string(),
            Label::Username => settings.username.clone(),
            Label::Password => unreachable!("a form never shows the password"),
            Label::Host => settings.host.to_string(),
            Label::Port => settings.port.to_string(),
            Label::ConnectionType => settings.connection.to_string(),
            Label::AuthenticationType => settings.authentication.to_string(),
            Label::FromName => settings.from_name.clone(),
            Label::ReplyTo => settings
                .reply_to
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            Label::EhloName => settings.ehlo_name.clone().unwrap_or_default(),
            Label::ConnectTimeout => settings.connect_timeout.as_secs().to_string(),
            Label::CommandTimeout => settings.command_timeout.as_secs().to_string(),
            Label::CertificateCheck => settings.certificate_check.to_string(),
            Label::TrustedCertificates => settings.trusted_certificates.clone(),
            Label::PlaintextAuth => u8::from(settings.plaintext_auth).to_string(),
        };
        Self(Label::SHOWN.map(value))
    }
}

impl Form {
    /// The text of a field; empty for the password.
    pub fn get(&self, label: Label) -> &str {
        place(label).map_or("", |place| &self.0[place])
    }

    /// Sets a field. A blank text resets it to its default.
    pub fn set(&mut self, label: Label, value: impl Into<String>) {
        let value = value.into();
        let value = if value.trim().is_empty() {
            label.default_value().to_owned()
        } else {
            value
        };
        if let Some(place) = place(label) {
            self.0[place] = value;
        }
    }

    /// [`Form::set`], chainable.
    #[must_use]
    pub fn with(mut self, label: Label, value: &str) -> Self {
        self.set(label, value);
        self
    }

    /// Applies the changes of a save.
    pub fn apply(&mut self, edit: &Edit) {
        for (label, text) in &edit.0 {
            self.set(*label, text.as_deref().unwrap_or_default());
        }
    }

    /// The fields and their texts, in the order of [`Label::SHOWN`].
    pub fn iter(&self) -> impl Iterator<Item = (Label, &str)> {
        Label::SHOWN
            .into_iter()
            .map(|label| (label, self.get(label)))
    }

    /// The fields in which two forms differ.
    pub fn differing(&self, other: &Self) -> Vec<Label> {
        Label::SHOWN
            .into_iter()
            .filter(|label| self.get(*label) != other.get(*label))
            .collect()
    }

    /// The fault of one field as a sentence for the user, if it has one.
    pub fn fault(&self, label: Label) -> Option<String> {
        self.parse().err()?.fields.get(label.as_str()).cloned()
    }

    /// Validates all fields.
    ///
    /// # Errors
    /// The faults of all fields at once.
    pub fn parse(&self) -> Result<SmtpSettings, Refusal> {
        let mut refusal = Refusal::invalid();
        let from_address = self.read(&mut refusal, Label::FromAddress, str::parse);
        let username = self.read(&mut refusal, Label::Username, |text| {
            line(
                text,
                USERNAME_MAX,
                "A user name has at most 255 characters on one line.",
            )
        });
        let host = self.read(&mut refusal, Label::Host, str::parse::<Host>);
        let port = self.read(&mut refusal, Label::Port, port);
        let connection = self.read(&mut refusal, Label::ConnectionType, str::parse);
        let authentication = self.read(&mut refusal, Label::AuthenticationType, str::parse);
        let from_name = self.read(&mut refusal, Label::FromName, |text| {
            line(
                text,
                FROM_NAME_MAX,
                "A name has at most 128 characters on one line.",
            )
        });
        let reply_to = self.read(&mut refusal, Label::ReplyTo, |text| {
            optional(text, str::parse::<EmailAddress>)
        });
        let ehlo_name = self.read(&mut refusal, Label::EhloName, |text| {
            optional(text, ehlo_name)
        });
        let connect_timeout = self.read(&mut refusal, Label::ConnectTimeout, timeout);
        let command_timeout = self.read(&mut refusal, Label::CommandTimeout, timeout);
        let certificate_check = self.read(&mut refusal, Label::CertificateCheck, str::parse);
        let trusted_certificates = self.read(&mut refusal, Label::TrustedCertificates, |text| {
            trusted(text, certificate_check)
        });
        let plaintext_auth = self.read(&mut refusal, Label::PlaintextAuth, |text| match text {
            "0" => Ok(false),
            "1" => Ok(true),
            _ => Err("Enter 0 (no) or 1 (yes)."),
        });
        let settings = || {
            Some(SmtpSettings {
                from_address: from_address?,
                username: username?,
                host: host?,
                port: port?,
                connection: connection?,
                authentication: authentication?,
                from_name: from_name?,
                reply_to: reply_to?,
                ehlo_name: ehlo_name?,
                connect_timeout: connect_timeout?,
                command_timeout: command_timeout?,
                certificate_check: certificate_check?,
                trusted_certificates: trusted_certificates?,
                plaintext_auth: plaintext_auth?,
            })
        };
        settings().ok_or(refusal)
    }

    fn read<T>(
        &self,
        refusal: &mut Refusal,
        label: Label,
        parse: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        parse(self.get(label).trim())
            .map_err(|fault| refusal.add(label.as_str(), fault))
            .ok()
    }
}

/// The changes of a save: a text, or none to reset the field to its default. Absent fields keep
/// their text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit(pub BTreeMap<Label, Option<String>>);

impl From<Form> for Edit {
    fn from(form: Form) -> Self {
        Self(Label::SHOWN.into_iter().zip(form.0.map(Some)).collect())
    }
}

/// The fault of a password as a sentence for the user, if it has one. Leading and trailing spaces
/// are part of a password.
pub fn password_fault(password: &str) -> Option<&'static str> {
    if password.chars().count() > PASSWORD_MAX {
        Some("A password has at most 245 characters.")
    } else if password.contains(['\0', '\r', '\n']) {
        Some("A password cannot contain a line break or a NUL character.")
    } else {
        None
    }
}

fn line(text: &str, max: usize, fault: &'static str) -> Result<String, &'static str> {
    if text.chars().count() > max || text.chars().any(char::is_control) {
        return Err(fault);
    }
    Ok(text.to_owned())
}

fn optional<T>(
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, &'static str>,
) -> Result<Option<T>, &'static str> {
    if text.is_empty() {
        Ok(None)
    } else {
        parse(text).map(Some)
    }
}

fn port(text: &str) -> Result<u16, &'static str> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(port @ 1..) if digits => Ok(port),
        _ if text.is_empty() => Err("Enter the port, usually 587, 465 or 25."),
        _ => Err("A port is a whole number from 1 to 65535."),
    }
}

fn ehlo_name(text: &str) -> Result<String, &'static str> {
    if text.eq_ignore_ascii_case("localhost") {
        return Err("Relays reject localhost; leave this empty or enter the name of this machine.");
    }
    if parse_address_literal(text).is_none() {
        check_name(text)?;
    }
    Ok(text.to_lowercase())
}

fn timeout(text: &str) -> Result<Duration, &'static str> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(seconds @ 1..=120) if digits => Ok(Duration::from_secs(seconds)),
        _ => Err("A time-out is a whole number of seconds from 1 to 120."),
    }
}

/// The engine parses the certificates themselves: a parser would enlarge the browser bundle.
fn trusted(text: &str, check: Option<CertificateCheck>) -> Result<String, &'static str> {
    match pem::fault(text).filter(|_| !text.is_empty()) {
        Some(fault) => Err(fault),
        None if text.is_empty() && check == Some(CertificateCheck::Trusted) => {
            Err("Add a certificate to trust, or choose another check.")
        }
        None => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn valid() -> Form {
        Form::default()
            .with(Label::FromAddress, "alerts@example.org")
            .with(Label::Host, "smtp.example.org")
            .with(Label::Port, "587")
    }

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----";

    #[test]
    fn to_trust_needs_a_certificate() {
        for (check, trusted, accepted) in [
            ("Trusted", "", false),
            ("Trusted", PEM, true),
            ("Verify", PEM, true),
            ("Off", PEM, true),
        ] {
            let form = valid()
                .with(Label::CertificateCheck, check)
                .with(Label::TrustedCertificates, trusted);
            let fault = form.fault(Label::TrustedCertificates);
            assert_eq!(fault.is_none(), accepted, "{check}, {trusted:?}");
            assert_eq!(form.fault(Label::CertificateCheck), None);
        }
    }

    #[test]
    fn settings_become_the_same_text_again() {
        let form = valid()
            .with(Label::FromName, "Alarms, \"all\"")
            .with(Label::ReplyTo, "desk@example.org")
            .with(Label::EhloName, "gate.example.org")
            .with(Label::ConnectTimeout, "7")
            .with(Label::CertificateCheck, "Trusted")
            .with(Label::TrustedCertificates, PEM)
            .with(Label::PlaintextAuth, "1")
            .with(Label::AuthenticationType, "Cram_MD5")
            .with(Label::ConnectionType, "SSL");
        assert_eq!(Form::from(&form.parse().expect("valid")), form);
    }

    #[test]
    fn all_faults_are_reported_together_by_field() {
        let refusal = Form::default()
            .with(Label::ConnectionType, "StartTLS")
            .with(Label::CommandTimeout, "0")
            .parse()
            .expect_err("not valid");
        let fields: Vec<&str> = refusal.fields.keys().map(String::as_str).collect();
        assert_eq!(
            fields,
            [
                "from_address",
                "smtp_command_timeout",
                "smtp_connection_type",
                "smtp_host",
                "smtp_port"
            ]
        );
    }

    #[test]
    fn each_field_is_validated() {
        for (label, text, accepted) in [
            (Label::Port, "1", true),
            (Label::Port, "65535", true),
            (Label::Port, " 25 ", true),
            (Label::Port, "0", false),
            (Label::Port, "65536", false),
            (Label::Port, "+25", false),
            (Label::Port, "25.0", false),
            (Label::Username, &"ü".repeat(255), true),
            (Label::Username, &"u".repeat(256), false),
            (Label::Username, "a\r\nb", false),
            (Label::FromName, "Ops\r\nBcc: x@example.org", false),
            (Label::ReplyTo, "", true),
            (Label::ReplyTo, "nobody", false),
            (Label::EhloName, "", true),
            (Label::EhloName, "localhost", false),
            (Label::EhloName, "[192.0.2.1]", true),
            (Label::EhloName, "gate.example.org", true),
            (Label::EhloName, "gate example", false),
            (Label::ConnectTimeout, "120", true),
            (Label::ConnectTimeout, "121", false),
            (Label::ConnectTimeout, "+5", false),
            (Label::CertificateCheck, "Trust", false),
            (Label::TrustedCertificates, "", true),
            (Label::TrustedCertificates, PEM, true),
            (
                Label::TrustedCertificates,
                "-----BEGIN PRIVATE KEY-----",
                false,
            ),
            (Label::PlaintextAuth, "yes", false),
            (Label::AuthenticationType, "CRAM-MD5", false),
        ] {
            let fault = valid().with(label, text).fault(label);
            assert_eq!(fault.is_none(), accepted, "{label:?} = {text:?}: {fault:?}");
        }
    }

    #[test]
    fn a_password_has_245_characters_of_any_script() {
        assert_eq!(password_fault(&"密".repeat(245)), None);
        assert!(password_fault(&"a".repeat(246)).is_some());
        assert!(password_fault("a\nb").is_some());
    }

    #[test]
    fn a_save_changes_only_what_it_names() {
        let mut form = valid()
            .with(Label::FromName, "Ops")
            .with(Label::EhloName, "gate.example.org");
        form.apply(&Edit(BTreeMap::from([
            (Label::Port, Some("465".to_owned())),
            (Label::FromName, None),
            (Label::ConnectTimeout, Some(" ".to_owned())),
        ])));
        assert_eq!(form.get(Label::Port), "465");
        assert_eq!(form.get(Label::FromName), "");
        assert_eq!(form.get(Label::ConnectTimeout), "5");
        assert_eq!(form.get(Label::EhloName), "gate.example.org");
        assert_eq!(form.differing(&valid()), [Label::Port, Label::EhloName]);
        let mut other = valid();
        other.apply(&Edit::from(form.clone()));
        assert_eq!(other, form);
    }

    #[test]
    fn a_form_survives_its_pairs() {
        let form = valid().with(Label::FromName, "Ops");
        let pairs: Vec<(Label, String)> = form.clone().into();
        assert_eq!(pairs.len(), Label::SHOWN.len());
        assert_eq!(Form::from(pairs.clone()), form);
        assert_eq!(
            Form::from(pairs.into_iter().collect::<BTreeMap<_, _>>()),
            form
        );
        let read: Vec<(Label, &str)> = form.iter().collect();
        assert_eq!(read[0], (Label::FromAddress, "alerts@example.org"));
        assert_eq!(form.get(Label::Password), "");
    }

    #[test]
    fn a_password_keeps_its_spaces_and_has_no_line_break() {
        assert_eq!(password_fault(" a b "), None);
        for password in ["a\0b", "a\rb", "a\nb"] {
            assert!(password_fault(password).is_some_and(|fault| fault.contains("line break")));
        }
    }
}
