//! What the page shows of a run: drawn on the server, put in its place by the browser.
//!
//! Drawing it in the browser would bring there the code for each certificate, capability and
//! cause; this way it is a few lines whatever there is to see.

use domain::Timestamp;
use serde::{Deserialize, Serialize};

/// A run as far as it has got.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// In a few words: what a screen reader says when it changes.
    pub status: String,
    /// HTML in which every word of a stranger is escaped.
    pub html: String,
    /// Nothing follows.
    pub over: bool,
    /// A mail is being handed over: from here on the relay may have it.
    pub handing_over: bool,
    /// The saved revision that this proved, and when.
    pub proved: Option<(i64, Timestamp)>,
}
