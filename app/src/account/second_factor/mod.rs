//! The second factor of one's own account: its page, its forms and its section on the account page.

mod forms;
mod page;
mod passkeys;
mod qr_code;
mod recovery_codes;
mod section;
mod set_up;

pub(crate) use forms::forms;
pub use page::SecondFactorPage;
pub use recovery_codes::NewRecoveryCodes;
pub use section::SecondFactorSection;

/// The page.
pub const SECOND_FACTOR: &str = "/account/second-factor";

/// The form that generates the secret of an authenticator app.
pub const SET_UP: &str = "/account/second-factor/set-up";

/// The form that turns the second factor on, with a code of the app.
pub const TURN_ON: &str = "/account/second-factor/turn-on";

/// The form that replaces the recovery codes.
pub const RECOVERY_CODES: &str = "/account/second-factor/recovery-codes";

/// The form that adds a passkey.
pub const ADD_PASSKEY: &str = "/account/second-factor/passkeys";

/// The form that removes a passkey.
pub const REMOVE_PASSKEY: &str = "/account/second-factor/passkeys/remove";

/// The form that removes the second factor.
pub const REMOVE_SECOND_FACTOR: &str = "/account/second-factor/remove";

/// The form that turns the second factor on.
#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TurnOnForm {
    pub code: String,
}

/// The form that adds a passkey. A refused one is context of the page.
#[derive(Clone, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AddPasskeyForm {
    pub name: String,
    /// What the browser answers, in JSON.
    pub passkey: String,
}

/// The form that removes a passkey.
#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RemovePasskeyForm {
    pub id: String,
}

/// A form without fields.
#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmptyForm {}
