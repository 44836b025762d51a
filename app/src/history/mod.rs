//! The history of a relay's SMTP settings: its page, and the page that asks before a rollback.

mod changes;
mod entry;
mod format;
mod forms;
mod link;
mod page;
mod relay;
mod request;
mod restore_page;

use domain::settings::relay::OWN;

use crate::request::with_query;

pub(crate) use forms::forms;
pub use link::HistoryLink;
pub use page::{MyRelayHistoryPage, RelayHistoryPage};
pub use restore_page::{RestoreMyRelayPage, RestoreRelayPage};

/// The history of a relay of the organisation, which the query names.
pub const RELAY_HISTORY: &str = "/settings/relays/history";

/// The page that asks whether to bring a revision of such a relay back, and its form.
pub const RESTORE_RELAY: &str = "/settings/relays/restore";

/// The history of the account's own relay.
pub const MY_RELAY_HISTORY: &str = "/my-relay/history";

/// The page that asks whether to bring a revision of the own relay back, and its form.
pub const RESTORE_MY_RELAY: &str = "/my-relay/restore";

/// The history of the relay with this id, or of the own one.
fn history_path(id: &str) -> String {
    match id {
        OWN => MY_RELAY_HISTORY.to_owned(),
        id => with_query(RELAY_HISTORY, [("id", id)]),
    }
}

/// The page that asks whether to bring a revision back.
fn restore_path(id: &str, number: i64) -> String {
    let number = number.to_string();
    match id {
        OWN => with_query(RESTORE_MY_RELAY, [("number", number)]),
        id => with_query(RESTORE_RELAY, [("id", id), ("number", number.as_str())]),
    }
}
