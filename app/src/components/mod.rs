//! View parts that several pages share.

mod reveal_password;
mod time;

#[cfg(feature = "ssr")]
mod action_button;
#[cfg(feature = "ssr")]
mod form_field;
#[cfg(feature = "ssr")]
mod hidden_fields;
#[cfg(feature = "ssr")]
mod icons;
#[cfg(feature = "ssr")]
mod notice;
#[cfg(feature = "ssr")]
mod passkey_form;
#[cfg(feature = "ssr")]
mod question;
#[cfg(feature = "ssr")]
mod refused;
#[cfg(feature = "ssr")]
mod search_field;

#[cfg(feature = "ssr")]
pub use action_button::ActionButton;
#[cfg(feature = "ssr")]
pub use form_field::FormField;
#[cfg(feature = "ssr")]
pub use hidden_fields::HiddenFields;
#[cfg(feature = "ssr")]
pub use icons::{Brand, Icon, IconKind};
#[cfg(feature = "ssr")]
pub use notice::{ErrorNotice, SuccessNotice};
#[cfg(feature = "ssr")]
pub use passkey_form::{PasskeyForm, PasskeyScript};
#[cfg(feature = "ssr")]
pub use question::Question;
#[cfg(feature = "ssr")]
pub use refused::{NotFound, refused};
pub use reveal_password::RevealPassword;
#[cfg(feature = "ssr")]
pub use search_field::{SearchField, TimeField};
pub use time::{Time, exact};
