//! Views of the health of a relay: its state, its history as lines, and the button that checks it.

mod card;
mod history;
mod status;

pub(crate) use card::{HealthCard, ShownHealth};
pub(crate) use history::{HealthHistory, history_begin};
pub(crate) use status::{CheckNow, HealthStatus, connections};

/// The text of a page after that button.
pub(crate) const CHECK_REQUESTED: &str =
    "The check is under way. Load this page again in a few seconds to see what it has found.";
