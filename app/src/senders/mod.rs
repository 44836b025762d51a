//! The addresses that an account sends from: its page, the list, and the page of a mailed link.

mod confirm_page;
mod forms;
mod list;
mod page;

use serde::Deserialize;

pub use confirm_page::SenderConfirmationPage;
pub(crate) use forms::forms;
pub use list::SenderList;
pub use page::SendersPage;

/// The page, and the form that adds an address.
pub const SENDERS: &str = "/senders";

/// The form that mails another link.
pub const SEND_AGAIN: &str = "/senders/again";

/// The form that removes an address.
pub const REMOVE_SENDER: &str = "/senders/remove";

/// The page of a mailed link, and its form.
pub const CONFIRM_SENDER: &str = engine::SENDER_CONFIRMATION_PATH;

/// The form that adds an address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SenderForm {
    pub address: String,
    /// The id of the account that an administrator adds it to; empty for the own account.
    pub account: String,
}

/// The form with a button for an address of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SenderIdForm {
    pub id: String,
}

/// The form of the page of a mailed link.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SenderLinkForm {
    pub token: String,
}
