//! The requests to add, change and delete an account, as the forms have them.

use domain::account::Role;
use domain::{Fields, Kind, Refusal, SecretString};
use engine::AccountChange;

/// The form that adds an account, as typed but for its password, as context of the page where it was
/// refused.
#[derive(Clone, Debug, Default)]
pub struct TypedAccount {
    pub email: String,
    pub role: String,
}

/// The link of an invitation that was not mailed, as context of the page that shows it once.
#[derive(Clone)]
pub struct InvitationLink {
    pub link: String,
    /// Why it was not mailed.
    pub reason: String,
}

/// The role with this name.
fn role(fields: &mut Fields<'_>) -> Option<Role> {
    let role = fields.take("role")?.parse::<Role>();
    role.map_err(|fault| fields.add("role", fault)).ok()
}

/// A form that adds an account.
#[derive(Debug)]
pub struct AddRequest {
    pub email: String,
    pub role: Role,
    /// Without one the person is invited.
    pub password: Option<SecretString>,
}

/// The name of the buttons of the form that adds an account, and their values. A form that was posted
/// again without its password still says that it was for one.
pub const WITH: &str = "with";
pub const WITH_INVITATION: &str = "invitation";
pub const WITH_PASSWORD: &str = "password";

/// The password of a new account; `None` where its person is invited.
fn new_password(fields: &mut Fields<'_>) -> Option<SecretString> {
    let password = fields.take("password").unwrap_or_default();
    match (fields.take(WITH), password) {
        (Some(WITH_INVITATION), "") => None,
        (Some(WITH_PASSWORD), "") => {
            fields.add("password", "Type the password of the account.");
            None
        }
        (Some(WITH_PASSWORD), password) => Some(SecretString::new(password)),
        _ => {
            let text = "An invited person sets the password. Leave it empty, or create the account \
                        with this password.";
            fields.add("password", text);
            None
        }
    }
}

impl AddRequest {
    /// Parses names and values.
    ///
    /// # Errors
    /// [`Kind::Invalid`](domain::Kind::Invalid) with the fault of each value, and of names that are
    /// repeated or unknown.
    pub fn parse(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        Fields::of(pairs).read(|fields| Self {
            email: fields.take("email").unwrap_or_default().to_owned(),
            role: role(fields).unwrap_or(Role::User),
            password: new_password(fields),
        })
    }
}

/// A form that changes an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountChangeRequest {
    pub id: String,
    pub change: AccountChange,
}

impl AccountChangeRequest {
    /// Parses names and values.
    ///
    /// # Errors
    /// As [`AddRequest::parse`].
    pub fn parse(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        Fields::of(pairs).read(|fields| Self {
            id: fields.take("id").unwrap_or_default().to_owned(),
            change: AccountChange {
                role: role(fields),
                disabled: fields.take_number("disabled").map(|disabled| disabled != 0),
            },
        })
    }
}

/// A form that ends a session of an account, revokes a token or removes a sender address of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndOfAccount {
    pub account: String,
    /// The session, the token or the sender address.
    pub id: String,
}

impl EndOfAccount {
    /// Parses names and values.
    ///
    /// # Errors
    /// As [`AddRequest::parse`].
    pub fn parse(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        Fields::of(pairs).read(|fields| Self {
            account: fields.take("account").unwrap_or_default().to_owned(),
            id: fields.take("id").unwrap_or_default().to_owned(),
        })
    }
}

/// A form of the list of all sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndedSessions {
    /// The session with this id.
    One(String),
    /// Those of the account with this id.
    OfAccount(String),
}

impl EndedSessions {
    /// Parses names and values.
    ///
    /// # Errors
    /// As [`AddRequest::parse`], and where it names neither a session nor an account, or both.
    pub fn parse(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        let ended =
            Fields::of(pairs).read(|fields| match (fields.take("id"), fields.take("account")) {
                (Some(id), None) => Some(Self::One(id.to_owned())),
                (None, Some(account)) => Some(Self::OfAccount(account.to_owned())),
                _ => None,
            })?;
        ended.ok_or_else(|| Refusal::new(Kind::Invalid, "Name a session or an account."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let pairs = pairs.iter();
        let owned = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        owned.collect()
    }

    #[test]
    fn an_account_without_a_password_is_invited() {
        let (invited, created) = ((WITH, WITH_INVITATION), (WITH, WITH_PASSWORD));
        for (pairs, role, has_password) in [
            (
                &[("email", "a@example.org"), invited][..],
                Role::User,
                false,
            ),
            (
                &[("role", "admin"), ("password", ""), invited],
                Role::Admin,
                false,
            ),
            (
                &[("role", "user"), ("password", " x"), created],
                Role::User,
                true,
            ),
        ] {
            let request = AddRequest::parse(&owned(pairs)).expect("valid");
            assert_eq!(
                (request.role, request.password.is_some()),
                (role, has_password)
            );
        }
        for wrong in [
            &[("role", "owner"), invited][..],
            &[("role", ""), invited],
            &[("rol", "user"), invited],
            &[("role", "user")],
            &[("password", "x"), invited],
            &[("password", ""), created],
            &[created],
        ] {
            assert!(AddRequest::parse(&owned(wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_button_changes_one_thing() {
        let parse = |pairs| AccountChangeRequest::parse(&owned(pairs));
        let request = parse(&[("id", "1"), ("disabled", "1")]).expect("valid");
        let change = AccountChange {
            disabled: Some(true),
            ..AccountChange::default()
        };
        assert_eq!((request.id.as_str(), request.change), ("1", change));
        let request = parse(&[("id", "1"), ("role", "admin")]).expect("valid");
        let change = AccountChange {
            role: Some(Role::Admin),
            ..AccountChange::default()
        };
        assert_eq!(request.change, change);
        for wrong in [&[("id", "1"), ("disabled", "yes")][..], &[("disable", "1")]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn one_session_or_those_of_an_account_are_ended() {
        let parse = |pairs| EndedSessions::parse(&owned(pairs));
        let one = EndedSessions::One("s".to_owned());
        assert_eq!(parse(&[("id", "s")]), Ok(one));
        let all = EndedSessions::OfAccount("a".to_owned());
        assert_eq!(parse(&[("account", "a")]), Ok(all));
        for wrong in [
            &[("id", "s"), ("account", "a")][..],
            &[("session", "s")],
            &[],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
