//! The variables `SMTP_*`, `MAIL_FROM*` and `EMAIL_*` of other mailers as settings of a relay.

use serde::{Deserialize, Serialize};

use crate::{AuthenticationType, CertificateCheck, ConnectionType, EmailAddress, Form, Label};

mod reader;
#[cfg(test)]
mod tests;

pub use reader::{FILE, FoundVariable, NAMES, ReadEnvironment, is_of_mailer, read};

/// The meaning of a variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariableMeaning {
    /// The name of the variable in the environment.
    pub variable: String,
    /// The value; `None` for a password, and for variables that Postern does not know.
    pub value: Option<String>,
    /// Whether the variable has an effect.
    pub is_followed: bool,
    /// The effect of the variable, or why it has none, as a sentence.
    pub meaning: String,
}

/// A value and the variable that sets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SetBy<T> {
    value: T,
    variable: String,
}

/// Settings that variables determine. They have precedence over saved settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SmtpEnvironment {
    /// The variables that were found, in the order of [`NAMES`], and then others about mail.
    pub variables: Vec<VariableMeaning>,
    /// Whether mail is held instead of sent.
    pub holds_mail: bool,
    from_address: Option<SetBy<String>>,
    from_name: Option<SetBy<String>>,
    host: Option<SetBy<String>>,
    port: Option<SetBy<u16>>,
    /// The value of `SMTP_SECURE` or `SMTP_TLS`.
    secure: Option<SetBy<bool>>,
    require_tls: Option<SetBy<bool>>,
    authentication: Option<SetBy<String>>,
    username: Option<SetBy<String>>,
    /// The variable of the password, whose value is stored separately.
    password: Option<String>,
    /// Both time-outs, in whole seconds.
    timeout: Option<SetBy<u64>>,
    /// The variable that allows unencrypted passwords and unchecked certificates, if it is followed.
    insecure: Option<String>,
}

/// Saved settings with those of an environment applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveSettings {
    /// The settings.
    pub form: Form,
    /// The fields that the environment sets, each with the variable that decides its value.
    pub locks: Vec<(Label, String)>,
}

impl EffectiveSettings {
    fn set(&mut self, label: Label, value: &str, variable: &str) {
        self.form.set(label, value);
        self.locks.push((label, variable.to_owned()));
    }
}

impl SmtpEnvironment {
    /// Whether no variable was found.
    pub fn is_empty(&self) -> bool {
        self.variables.is_empty()
    }

    /// The variable of the password.
    pub fn password_variable(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// Applies the environment to saved settings.
    ///
    /// - The connection type is that of `SMTP_SECURE`, `SMTP_TLS` and `SMTP_REQUIRE_TLS`; without them
    ///   it is SSL at port 465, else None. The port is 465 or 587 if `SMTP_HOST` is set without a port.
    /// - A user or a password of the environment enables the sign-in, by Plain if `SMTP_AUTH` names no
    ///   mechanism.
    /// - A password of the environment is never sent unencrypted, nor with the certificate check off, unless
    ///   `EMAIL_ALLOW_INSECURE` is followed.
    /// - Without any From address, a user name that is an address is used; it can be changed.
    pub fn over(&self, saved: &Form) -> EffectiveSettings {
        let mut effective = EffectiveSettings {
            form: saved.clone(),
            locks: Vec::new(),
        };
        for (label, set) in [
            (Label::FromAddress, &self.from_address),
            (Label::FromName, &self.from_name),
            (Label::Username, &self.username),
        ] {
            if let Some(set) = set {
                effective.set(label, &set.value, &set.variable);
            }
        }
        self.connect(&mut effective);
        self.sign_in(&mut effective);
        if let Some(set) = &self.timeout {
            for label in [Label::ConnectTimeout, Label::CommandTimeout] {
                effective.set(label, &set.value.to_string(), &set.variable);
            }
        }
        if let Some(variable) = &self.insecure {
            effective.set(
                Label::CertificateCheck,
                CertificateCheck::Off.as_str(),
                variable,
            );
            effective.set(Label::PlaintextAuth, "1", variable);
        } else if let Some(variable) = &self.password {
            let off = CertificateCheck::Off.as_str();
            if effective.form.get(Label::CertificateCheck) == off {
                let check = CertificateCheck::Verify.as_str();
                effective.set(Label::CertificateCheck, check, variable);
            }
            effective.set(Label::PlaintextAuth, "0", variable);
        }
        let form = &mut effective.form;
        if form.get(Label::FromAddress).is_empty()
            && let Ok(address) = form.get(Label::Username).parse::<EmailAddress>()
            && self.host.is_some()
        {
            form.set(Label::FromAddress, address.as_str());
        }
        effective
    }

    /// Applies host, port and connection type.
    fn connect(&self, effective: &mut EffectiveSettings) {
        let is_secure = self.secure.as_ref().map(|set| set.value);
        if let Some(set) = &self.host {
            effective.set(Label::Host, &set.value, &set.variable);
        }
        match (&self.port, &self.host) {
            (Some(set), _) => effective.set(Label::Port, &set.value.to_string(), &set.variable),
            (None, Some(host)) => {
                let port = match is_secure {
                    Some(true) => "465",
                    _ => "587",
                };
                effective.set(Label::Port, port, &host.variable);
            }
            (None, None) => {}
        }
        let required = self.require_tls.as_ref().filter(|set| set.value);
        let switch = self.secure.as_ref().filter(|set| set.value).or(required);
        let switch = switch
            .or(self.secure.as_ref())
            .or(self.require_tls.as_ref());
        let variable = switch.map(|set| &set.variable);
        let variable = variable
            .or(self.port.as_ref().map(|set| &set.variable))
            .or(self.host.as_ref().map(|set| &set.variable));
        let Some(variable) = variable else {
            return;
        };
        let is_465 = effective.form.get(Label::Port).trim() == "465";
        let connection = match (is_secure, is_465) {
            (Some(true) | None, true) => ConnectionType::Ssl,
            (Some(true), false) => ConnectionType::Tls,
            _ if required.is_some() => ConnectionType::Tls,
            _ => ConnectionType::None,
        };
        effective.set(Label::ConnectionType, connection.as_str(), variable);
    }

    fn sign_in(&self, effective: &mut EffectiveSettings) {
        let of_user = self.username.as_ref().map(|set| &set.variable);
        match (&self.authentication, of_user.or(self.password.as_ref())) {
            (Some(set), _) => {
                effective.set(Label::AuthenticationType, &set.value, &set.variable);
            }
            (None, Some(variable)) => {
                let plain = AuthenticationType::Plain.as_str();
                effective.set(Label::AuthenticationType, plain, variable);
            }
            (None, None) => {}
        }
    }
}
