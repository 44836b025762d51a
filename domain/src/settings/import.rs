//! Settings of a relay that are imported from another program, before they are saved.

pub mod msmtp;
pub mod nullmailer;
pub mod postfix;

use crate::settings::smtp_environment::{ReadEnvironment, VariableMeaning};
use crate::{CertificateCheck, Form, Kind, Label, Refusal, SecretString};

/// The variables or options that were read, and the resulting settings.
#[derive(Clone, Debug, Default)]
pub struct SettingsImport {
    /// Each variable or option that was read.
    pub read: Vec<VariableMeaning>,
    /// The fields that the import sets.
    pub fields: Vec<(Label, String)>,
    /// The password.
    pub password: Option<SecretString>,
    /// Whether mail is held instead of sent.
    pub holds_mail: bool,
}

impl SettingsImport {
    /// The import of an environment over saved settings.
    pub fn of_environment(environment: &ReadEnvironment, saved: &Form) -> Self {
        let over = |saved: &Form| environment.settings.over(saved).form;
        let effective = over(&saved_for(saved, over(saved).get(Label::Host)));
        let changed = effective.differing(saved).into_iter();
        Self {
            read: environment.settings.variables.clone(),
            fields: changed
                .map(|label| (label, effective.get(label).to_owned()))
                .collect(),
            password: environment.password.clone(),
            holds_mail: environment.settings.holds_mail,
        }
    }

    /// Completes the import for the relay with these saved settings.
    pub fn into_relay(mut self, saved: &Form) -> Self {
        let kept = saved_for(saved, self.over(saved).get(Label::Host));
        for label in kept.differing(saved) {
            self.set(label, kept.get(label));
        }
        self
    }

    /// Sets a field.
    fn set(&mut self, label: Label, text: impl Into<String>) {
        self.fields.push((label, text.into()));
    }

    /// Sets the authentication type and the user name; without a user there is no sign-in.
    fn sign_in(&mut self, kind: &str, username: &str) {
        let kind = match username {
            "" => "None",
            _ => kind,
        };
        self.set(Label::AuthenticationType, kind);
        self.set(Label::Username, username);
    }

    /// Records the effect of an option.
    fn follow(&mut self, option: &str, value: &str, meaning: impl Into<String>) {
        self.explain(option, Some(value), true, meaning.into());
    }

    /// Records the effect of an option whose value is a password.
    fn follow_secret(&mut self, option: &str, meaning: impl Into<String>) {
        self.explain(option, None, true, meaning.into());
    }

    /// Records why an option has no effect.
    fn ignore(&mut self, option: &str, value: Option<&str>, meaning: impl Into<String>) {
        self.explain(option, value, false, meaning.into());
    }

    fn explain(&mut self, option: &str, value: Option<&str>, is_followed: bool, meaning: String) {
        self.read.push(VariableMeaning {
            variable: option.to_owned(),
            value: value.map(str::to_owned),
            is_followed,
            meaning,
        });
    }

    /// The saved settings with the imported fields applied.
    pub fn over(&self, saved: &Form) -> Form {
        let fields = self.fields.iter();
        fields.fold(saved.clone(), |form, (label, text)| form.with(*label, text))
    }
}

/// The saved settings that also apply to a relay at `host`. A switched-off certificate check, trusted
/// certificates and permission for unencrypted passwords do not apply to another host.
fn saved_for(saved: &Form, host: &str) -> Form {
    if host.eq_ignore_ascii_case(saved.get(Label::Host)) {
        return saved.clone();
    }
    let check = CertificateCheck::Verify.as_str();
    let checked = saved.clone().with(Label::CertificateCheck, check);
    checked.with(Label::PlaintextAuth, "0")
}

/// The note on certificates, for programs that do not check them.
const CHECKED: &str = "Postern checks the certificate of the relay. Where that fails, a diagnosis offers to trust it.";

/// The description of a connection type.
fn encryption_of(connection: &str) -> &'static str {
    match connection {
        "SSL" => "TLS from the first byte (SSL).",
        "TLS" => "StartTLS is required (TLS).",
        _ => "StartTLS where the relay offers it (None).",
    }
}

fn invalid(text: impl Into<String>) -> Refusal {
    Refusal::new(Kind::Invalid, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::smtp_environment::{FoundVariable, read};

    #[test]
    fn another_host_is_not_trusted_as_the_one_before() {
        let saved = Form::default()
            .with(Label::Host, "a.example")
            .with(Label::CertificateCheck, "Off")
            .with(Label::PlaintextAuth, "1");
        for (host, check, plaintext) in [("A.example", "Off", "1"), ("b.example", "Verify", "0")] {
            let mut import = SettingsImport::default();
            import.set(Label::Host, host);
            let variables = [FoundVariable::new("SMTP_HOST", host)];
            let environment = read(variables, false).expect("readable");
            for import in [
                import.into_relay(&saved),
                SettingsImport::of_environment(&environment, &saved),
            ] {
                let form = import.over(&saved);
                let labels = [Label::CertificateCheck, Label::PlaintextAuth];
                let found = labels.map(|label| form.get(label));
                assert_eq!(found, [check, plaintext], "{host}");
            }
        }
        let variables = [("SMTP_HOST", "b.example"), ("EMAIL_ALLOW_INSECURE", "true")];
        let variables = variables.map(|(name, value)| FoundVariable::new(name, value));
        let environment = read(variables, true).expect("readable");
        let import = SettingsImport::of_environment(&environment, &saved);
        let form = import.over(&saved);
        assert_eq!(form.get(Label::CertificateCheck), "Off", "it is asked for");
    }

    #[test]
    fn only_what_differs_is_taken_over() {
        let saved = Form::default()
            .with(Label::FromAddress, "alerts@example.org")
            .with(Label::Host, "a.example")
            .with(Label::ReplyTo, "desk@example.org");
        let variables = [
            ("SMTP_HOST", "a.example"),
            ("SMTP_PASS", "secret"),
            ("SKIP_EMAIL_SEND", "true"),
        ];
        let variables = variables.map(|(name, value)| FoundVariable::new(name, value));
        let environment = read(variables, false).expect("readable");
        let import = SettingsImport::of_environment(&environment, &saved);
        let labels: Vec<Label> = import.fields.iter().map(|(label, _)| *label).collect();
        assert_eq!(labels, [Label::Port, Label::AuthenticationType]);
        assert!(import.holds_mail && import.password.is_some());
        let form = import.over(&saved);
        assert_eq!(form, environment.settings.over(&saved).form);
        assert_eq!(form.get(Label::ReplyTo), "desk@example.org");
    }
}
