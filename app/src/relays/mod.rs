//! The relays: the list, the page of one, and the forms that add, change and remove them.

mod config_form;
mod format;
mod forms;
mod list_page;
mod relay_page;
mod removal_page;
mod requests;

pub(crate) use forms::forms;
pub use list_page::RelaysPage;
pub use relay_page::RelayPage;
pub use removal_page::RemovalPage;

/// The list, and the form that adds a relay.
pub const RELAYS: &str = engine::RELAYS_PATH;

/// The forms that change a relay.
pub const CHANGE_RELAY: &str = "/settings/relays/change";

/// The form that has a relay checked at once.
pub const CHECK_RELAY: &str = "/settings/relays/check";

/// The page that asks whether to remove a relay, and its form.
pub const REMOVE_RELAY: &str = "/settings/relays/remove";

/// The page of a relay.
pub fn relay_path(id: &str) -> String {
    format!("{RELAYS}/{id}")
}
