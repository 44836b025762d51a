//! Views of the health of a relay: its state, its history as lines, and its section of a page.

mod card;
mod history;
mod status;

pub(crate) use card::{HealthCard, ShownHealth};
pub(crate) use history::{HealthHistory, history_begin};
pub(crate) use status::{HealthStatus, connections};

/// The text of a page after the button that checks a relay.
pub(crate) const CHECK_REQUESTED: &str =
    "The check is under way. Load this page again in a few seconds to see what it has found.";
