//! An account's own relay: its page, and the form that goes back to the organisation's.

mod forms;
mod page;
mod removal_page;
mod state;

pub(crate) use forms::forms;
pub use page::MyRelayPage;
pub use removal_page::MyRelayRemovalPage;

/// The page.
pub const MY_RELAY: &str = engine::OWN_RELAY_PATH;

/// The form that has the own relay checked at once.
pub const CHECK_MY_RELAY: &str = "/my-relay/check";

/// The page that asks whether to use the organisation's relay again, and its form.
pub const REMOVE_MY_RELAY: &str = "/my-relay/remove";
