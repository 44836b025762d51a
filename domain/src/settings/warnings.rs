//! Warnings about valid settings that do not work together, each with a repair.

use crate::settings::{AuthenticationType, ConnectionType};
use crate::{Form, Label};

/// A warning about a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettingsWarning {
    /// The field that the warning is shown beside.
    pub label: Label,
    /// The warning as a sentence.
    pub text: &'static str,
    /// The change that resolves the warning.
    pub repair: SettingsRepair,
}

/// The change of one setting that resolves a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettingsRepair {
    /// The text of the button that makes the change.
    pub button: &'static str,
    /// The setting.
    pub label: Label,
    /// The new value.
    pub value: &'static str,
}

/// The warnings of a form. `has_password` says whether a password is typed, chosen, or saved and
/// usable. Invalid fields have a fault of their own and cause no warning.
pub fn settings_warnings(form: &Form, has_password: bool) -> Vec<SettingsWarning> {
    let (Ok(connection), Ok(authentication)) = (
        form.get(Label::ConnectionType).parse::<ConnectionType>(),
        form.get(Label::AuthenticationType)
            .parse::<AuthenticationType>(),
    ) else {
        return Vec::new();
    };
    let port = form.get(Label::Port).trim();
    let has_user = !form.get(Label::Username).trim().is_empty();
    let authenticates = authentication != AuthenticationType::None;
    let mut found = Vec::new();

    if port == "465" && connection != ConnectionType::Ssl {
        found.push(SettingsWarning {
            label: Label::ConnectionType,
            text: "Port 465 expects TLS from the first byte; a StartTLS connection hangs there.",
            repair: SettingsRepair {
                button: "Use SSL",
                label: Label::ConnectionType,
                value: ConnectionType::Ssl.as_str(),
            },
        });
    } else if matches!(port, "587" | "25" | "2525") && connection == ConnectionType::Ssl {
        found.push(SettingsWarning {
            label: Label::ConnectionType,
            text: "This port begins in plain text and switches to TLS with StartTLS; SSL fails there.",
            repair: SettingsRepair {
                button: "Use TLS",
                label: Label::ConnectionType,
                value: ConnectionType::Tls.as_str(),
            },
        });
    } else if authenticates && connection == ConnectionType::None {
        found.push(SettingsWarning {
            label: Label::ConnectionType,
            text: if form.get(Label::PlaintextAuth) == "1" {
                "The password is sent unencrypted whenever the relay, or something on the path to it, does not offer StartTLS."
            } else {
                "Signing in fails whenever the relay does not offer StartTLS, because the password is never sent unencrypted."
            },
            repair: SettingsRepair {
                button: "Require TLS",
                label: Label::ConnectionType,
                value: ConnectionType::Tls.as_str(),
            },
        });
    }
    if authenticates && !(has_user && has_password) {
        found.push(SettingsWarning {
            label: Label::AuthenticationType,
            text: match (has_user, has_password) {
                (false, false) => "Signing in needs a user name and a password.",
                (false, true) => "Signing in needs a user name.",
                _ => "Signing in needs a password.",
            },
            repair: SettingsRepair {
                button: "Do not sign in",
                label: Label::AuthenticationType,
                value: AuthenticationType::None.as_str(),
            },
        });
    }
    if !authenticates && (has_user || has_password) {
        found.push(SettingsWarning {
            label: Label::AuthenticationType,
            text: "The user name and password are not used while the authentication type is None.",
            repair: SettingsRepair {
                button: "Use Plain",
                label: Label::AuthenticationType,
                value: AuthenticationType::Plain.as_str(),
            },
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_combination_has_a_warning_and_a_repair() {
        // port, connection, authentication, user, password -> repairs offered
        for (port, connection, authentication, user, password, repairs) in [
            ("587", "TLS", "Plain", "u", true, &[][..]),
            ("465", "SSL", "Login", "u", true, &[]),
            ("25", "None", "None", "", false, &[]),
            ("465", "TLS", "Plain", "u", true, &["Use SSL"]),
            ("465", "None", "None", "", false, &["Use SSL"]),
            ("587", "SSL", "Plain", "u", true, &["Use TLS"]),
            ("587", "None", "Plain", "u", true, &["Require TLS"]),
            ("587", "TLS", "Plain", "", false, &["Do not sign in"]),
            ("587", "TLS", "Login", "u", false, &["Do not sign in"]),
            ("587", "TLS", "None", "u", true, &["Use Plain"]),
            ("465", "TLS", "None", "u", false, &["Use SSL", "Use Plain"]),
            ("465", "StartTLS", "None", "u", false, &[]),
        ] {
            let form = Form::default()
                .with(Label::Port, port)
                .with(Label::ConnectionType, connection)
                .with(Label::AuthenticationType, authentication)
                .with(Label::Username, user);
            let found = settings_warnings(&form, password);
            let offered: Vec<&str> = found.iter().map(|warning| warning.repair.button).collect();
            assert_eq!(offered, repairs, "{port} {connection} {authentication}");
            for warning in found {
                let mended = form
                    .clone()
                    .with(warning.repair.label, warning.repair.value);
                assert!(
                    !settings_warnings(&mended, password).contains(&warning),
                    "{} does not mend {port} {connection}",
                    warning.repair.button
                );
            }
        }
    }

    #[test]
    fn a_missing_user_name_or_password_is_named() {
        for (user, password, text) in [
            ("", false, "Signing in needs a user name and a password."),
            ("", true, "Signing in needs a user name."),
            ("u", false, "Signing in needs a password."),
        ] {
            let form = Form::default()
                .with(Label::ConnectionType, "TLS")
                .with(Label::AuthenticationType, "Plain")
                .with(Label::Username, user);
            assert_eq!(settings_warnings(&form, password)[0].text, text);
        }
    }
}
