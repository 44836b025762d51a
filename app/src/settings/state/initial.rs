//! The initial state of the island: a context on the server, an attribute in the browser.

use domain::settings::SettingsView;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::element;
use crate::live::{from_attribute, to_attribute};

/// The element whose `data-source` holds it.
pub const ID: &str = "settings-editor";

/// The state the island starts with. It is page source, so it never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitialState {
    pub saved: SettingsView,
    /// The address of the signed-in account.
    pub me: String,
    /// The id of the relay; `None` for the first.
    pub relay: Option<String>,
    /// The heading.
    pub title: String,
}

impl InitialState {
    /// The state of this page.
    pub fn of_page() -> Option<Self> {
        use_context().or_else(|| from_attribute(&element::data_source(ID)?))
    }

    /// The attribute `data-source`.
    pub fn to_source(&self) -> String {
        to_attribute(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::settings::{EarlierPassword, PasswordState, Stamp, Verification};
    use domain::{Form, Label, Timestamp};

    #[test]
    fn the_initial_state_round_trips() {
        let stamp = Stamp {
            at: Timestamp(1_795_151_610_000),
            by: "mara@example.org".to_owned(),
        };
        let initial = InitialState {
            saved: SettingsView {
                form: Form::default().with(Label::FromName, "Grüße"),
                password: PasswordState::ReEnter,
                revision: 12,
                saved: Some(stamp.clone()),
                verified: Verification::Changed(stamp.clone()),
                earlier: vec![EarlierPassword {
                    revision: 3,
                    saved: stamp,
                    relay: "alerts at smtp.example.org:587".to_owned(),
                }],
                locks: vec![(Label::Host, "SMTP_HOST".to_owned())],
            },
            me: "jonas@example.org".to_owned(),
            relay: Some("01JD0000000000000000000000".to_owned()),
            title: "SMTP settings".to_owned(),
        };
        assert_eq!(from_attribute(&initial.to_source()), Some(initial));
        assert_eq!(from_attribute::<InitialState>("not one"), None);
    }
}
