//! A snapshot: what a live view shows at one moment.

use domain::Timestamp;
use serde::{Deserialize, Serialize};

/// One state of a live view.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// A short text for screen readers, announced when it changes.
    pub status: String,
    /// Elements with an id each, whose children replace those of the elements of the same id on the
    /// page. Empty: nothing changes.
    pub html: String,
    /// The stream is complete with this snapshot.
    pub last: bool,
    /// The DATA command was sent: the relay may have the message.
    pub data_begun: bool,
    /// The saved revision that this run verified, and when.
    pub verified: Option<(i64, Timestamp)>,
}
