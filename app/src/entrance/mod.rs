//! The pages without a session: sign-in, first administrator, invitation, forgotten password.

#[cfg(feature = "ssr")]
mod card;
#[cfg(feature = "ssr")]
mod forms;
#[cfg(feature = "ssr")]
mod invitation;
#[cfg(feature = "ssr")]
mod link_forms;
#[cfg(feature = "ssr")]
mod login;
#[cfg(feature = "ssr")]
mod network_refused;
#[cfg(feature = "ssr")]
mod reset;
#[cfg(feature = "ssr")]
mod second_step;
#[cfg(feature = "ssr")]
mod set_password;
#[cfg(feature = "ssr")]
mod setup;

#[cfg(feature = "ssr")]
pub use card::EntranceCard;
#[cfg(feature = "ssr")]
pub use forms::{
    LinkForm, LoginForm, LoginQuery, ResetForm, SetupForm, link_path, login_path, setup_path,
};
#[cfg(feature = "ssr")]
pub use invitation::InvitationPage;
#[cfg(feature = "ssr")]
pub(crate) use link_forms::forms;
#[cfg(feature = "ssr")]
pub use login::LoginPage;
#[cfg(feature = "ssr")]
pub use network_refused::{NetworkRefusal, network_refused};
#[cfg(feature = "ssr")]
pub use reset::ResetPage;
#[cfg(feature = "ssr")]
pub use second_step::{PendingSignIn, SecondStepForm, SecondStepPage, second_step_path};
#[cfg(feature = "ssr")]
pub use setup::SetupPage;

/// The sign-in page and its form.
pub const LOGIN: &str = "/login";

/// The page of the second step of a sign-in, and its form.
#[cfg(feature = "ssr")]
pub const SECOND_STEP: &str = "/login/second-step";

/// The form that signs out.
#[cfg(feature = "ssr")]
pub const LOGOUT: &str = "/logout";

/// The page that creates the first administrator, and its form.
#[cfg(feature = "ssr")]
pub const SETUP: &str = "/setup";

/// The page of an invitation, and its form.
#[cfg(feature = "ssr")]
pub const INVITATION: &str = engine::INVITATION_PATH;

/// The page of a forgotten password, and the form that requests a link.
#[cfg(feature = "ssr")]
pub const RESET: &str = engine::RESET_PATH;

/// The form that sets a password by a mailed link.
#[cfg(feature = "ssr")]
pub const SET_BY_RESET: &str = "/reset/password";
