//! The kind of queue that a message waits in.

use serde::{Deserialize, Serialize};

/// The relays that take the mail of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum QueueKind {
    /// The relays of the organisation.
    Organisation,
    /// The account's own relay, and while it takes no mail and the policy allows it, the relays of the
    /// organisation.
    OwnRelay,
}
