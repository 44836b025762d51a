//! What the island begins with: given by the page on the server, found in the page by the browser.
//!
//! Leptos would hand it over as properties in JSON; reading that costs the browser more than the
//! whole of this form's state.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use domain::view::SettingsView;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::dom;

/// The element that holds it.
pub const ID: &str = "email-setup";

/// Page source, and so never a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    pub saved: SettingsView,
    /// Who looks at it.
    pub me: String,
}

impl Source {
    pub fn given() -> Option<Self> {
        use_context().or_else(|| Self::read(&dom::data(ID)?))
    }

    fn read(text: &str) -> Option<Self> {
        postcard::from_bytes(&BASE64URL.decode(text).ok()?).ok()
    }

    /// As the attribute `data-source` of the element holds it.
    pub fn written(&self) -> String {
        let bytes = postcard::to_allocvec(self).unwrap_or_default();
        BASE64URL.encode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::view::{EarlierPassword, PasswordState, Stamp, Verification};
    use domain::{Form, Label, Timestamp};

    #[test]
    fn the_browser_finds_what_the_page_was_given() {
        let stamp = Stamp {
            at: Timestamp(1_795_151_610_000),
            by: "mara@example.org".to_owned(),
        };
        let source = Source {
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
            },
            me: "jonas@example.org".to_owned(),
        };
        assert_eq!(Source::read(&source.written()), Some(source));
        assert_eq!(Source::read("not it"), None);
    }
}
