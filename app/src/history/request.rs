//! The request to bring a revision back, as the form has it.

use domain::settings::PasswordChange;
use domain::settings::relay::OWN;
use domain::{Fields, Refusal};

use super::{history_path, restore_path};
use crate::flash::Flash;

/// The field of a form that brings a revision back without the password that it had.
pub const WITHOUT_PASSWORD: &str = "without_password";

/// A form that brings a revision back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreRequest {
    /// The id of the relay, or what stands for the own one.
    pub id: String,
    /// The revision.
    pub number: i64,
    /// The newest revision that was shown.
    pub newest: Option<i64>,
    /// Whether it comes back without its password.
    pub without_password: bool,
}

impl RestoreRequest {
    /// Parses names and values of the form of a relay of the organisation.
    ///
    /// # Errors
    /// [`Kind::Invalid`](domain::Kind::Invalid) with the fault of each value, and of names that are
    /// repeated or unknown.
    pub fn of_relay(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        Fields::of(pairs).read(|fields| {
            let id = fields.take("id").unwrap_or_default().to_owned();
            Self::take(id, fields)
        })
    }

    /// Parses names and values of the form of the own relay.
    ///
    /// # Errors
    /// As [`RestoreRequest::of_relay`].
    pub fn of_own(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        Fields::of(pairs).read(|fields| Self::take(OWN.to_owned(), fields))
    }

    fn take(id: String, fields: &mut Fields<'_>) -> Self {
        Self {
            id,
            number: fields.take_number("number").unwrap_or_default(),
            newest: fields.take_number("newest"),
            without_password: fields.take(WITHOUT_PASSWORD).is_some(),
        }
    }

    /// The password that comes back.
    pub fn password(&self) -> PasswordChange {
        match self.without_password {
            true => PasswordChange::Clear,
            false => PasswordChange::Keep,
        }
    }

    /// The page that has the form.
    pub fn page(&self) -> String {
        restore_path(&self.id, self.number)
    }

    /// The page that follows.
    pub fn history(&self) -> String {
        history_path(&self.id)
    }

    /// What that page says.
    pub fn flash(&self) -> Flash {
        match self.without_password {
            true => Flash::RevisionRestoredWithoutPassword(self.number),
            false => Flash::RevisionRestored(self.number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(fields: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = fields.iter();
        owned
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_form_names_the_revision_and_the_newest_that_was_shown() {
        let typed = pairs(&[("id", "global"), ("number", "3"), ("newest", "7")]);
        let request = RestoreRequest::of_relay(&typed).expect("valid");
        assert_eq!((request.number, request.newest), (3, Some(7)));
        assert_eq!(request.password(), PasswordChange::Keep);
        assert_eq!(
            request.page(),
            "/settings/relays/restore?id=global&number=3"
        );
        assert_eq!(request.history(), "/settings/relays/history?id=global");
        assert_eq!(request.flash(), Flash::RevisionRestored(3));

        let typed = pairs(&[("number", "3"), (WITHOUT_PASSWORD, "1")]);
        let request = RestoreRequest::of_own(&typed).expect("valid");
        assert_eq!(request.password(), PasswordChange::Clear);
        assert_eq!(request.page(), "/my-relay/restore?number=3");
        assert_eq!(request.history(), "/my-relay/history");
    }

    #[test]
    fn the_form_of_the_own_relay_names_no_other() {
        let typed = pairs(&[("id", "global"), ("number", "3")]);
        let refusal = RestoreRequest::of_own(&typed).expect_err("unknown");
        assert!(refusal.fields.contains_key("id"), "{refusal}");
        let typed = pairs(&[("id", "global"), ("number", "three")]);
        let refusal = RestoreRequest::of_relay(&typed).expect_err("no number");
        assert!(refusal.fields.contains_key("number"), "{refusal}");
    }
}
