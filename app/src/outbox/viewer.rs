//! The viewer of a page of the outbox: role, time of the view, public URL.

use domain::Timestamp;
use engine::Actor;

use super::public_url::PublicUrl;

/// The role of the account that views a page, and the time of the view.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// Whether the account is an administrator, who sees every message and may act on them.
    pub admin: bool,
    /// When what the page shows was read.
    pub now: Timestamp,
    /// The public URL of this Postern.
    pub url: String,
}

impl Viewer {
    pub fn new(actor: &Actor, url: &PublicUrl, now: Timestamp) -> Self {
        Self {
            admin: actor.administers().is_ok(),
            now,
            url: url.0.clone(),
        }
    }
}
