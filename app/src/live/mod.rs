//! Live views: snapshots drawn on the server, streamed to the page and patched into it.
//!
//! Drawing in the browser would take the code for every certificate, capability, cause and state
//! there. With snapshots the bundle has one reader and one patcher for every kind of view.

mod attribute;
mod patch;
mod reader;
mod snapshot;
mod status;
mod stream;

use domain::Form;
use domain::settings::PasswordChange;
use serde::{Deserialize, Serialize};

pub use attribute::{from_attribute, to_attribute};
pub use patch::{clear, patch};
pub use reader::{End, Reader};
pub use snapshot::Snapshot;
#[cfg(feature = "ssr")]
pub use status::ID;
pub use status::Live;
#[cfg(feature = "ssr")]
pub use stream::encoded;

/// The subject of a live view.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, and a box costs bytes in the browser"
)]
pub enum LiveSubject {
    /// A page of the outbox, by its path and query.
    Outbox { url: String },
    /// A run with the settings on the form.
    Run(RunRequest),
}

/// A run with the settings on the form.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunRequest {
    pub form: Form,
    pub password: PasswordChange,
    /// An email address; may be empty for runs that send no mail.
    pub recipient: String,
    pub kind: RunKind,
    /// The id of the relay whose saved settings and password belong to the form; `None` for the
    /// first.
    #[serde(default)]
    pub relay: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// Sends a test message.
    Test,
    /// Runs every stage of a session and sends nothing.
    Diagnosis,
    /// Finds working settings for the host, or for the domain of the email address if there is no
    /// host. Sends no password.
    Probe,
}

impl RunKind {
    /// The id of the element that shows the run.
    pub const fn report(self) -> &'static str {
        match self {
            Self::Test | Self::Diagnosis => "test-report",
            Self::Probe => "probe-report",
        }
    }
}
