//! What a button does that a snapshot or a list has drawn: an enum in its `data-action`.

use domain::Label;
use serde::{Deserialize, Serialize};

use super::password_plan::PasswordChoice;
use crate::live::to_attribute;

/// What a button does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SettingsAction {
    /// Copies the text of the element with this id.
    Copy(String),
    /// Fills settings in.
    Fill(Preset),
    /// Trusts this certificate (PEM).
    Trust(String),
    /// Adds the CA certificates in the text area.
    AddCertificates,
    /// Removes a trusted certificate, by its index.
    RemoveCertificate(usize),
    /// Chooses a password of the history, or the saved one again.
    ChoosePassword(PasswordChoice),
}

impl SettingsAction {
    /// The attribute `data-action` of the button, or the value of an option.
    pub fn attribute(&self) -> String {
        to_attribute(self)
    }
}

/// Settings to fill in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preset {
    pub values: Vec<(Label, String)>,
    pub username: Username,
    /// A remark about the provider, shown beside the list.
    pub note: String,
}

/// The user name of a [`Preset`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Username {
    #[default]
    Unchanged,
    /// The From address on the form.
    FromAddress,
    Fixed(String),
    /// Only where the form has none.
    IfEmpty(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::from_attribute;

    #[test]
    fn an_action_round_trips() {
        for action in [
            SettingsAction::RemoveCertificate(3),
            SettingsAction::ChoosePassword(PasswordChoice::Earlier(7)),
            SettingsAction::Fill(Preset {
                values: vec![(Label::Host, "smtp.example.org".to_owned())],
                username: Username::FromAddress,
                note: "Use an app password.".to_owned(),
            }),
        ] {
            assert_eq!(from_attribute(&action.attribute()), Some(action));
        }
        assert_eq!(from_attribute::<SettingsAction>("not one"), None);
    }
}
