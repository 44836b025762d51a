//! The viewer of a page of the outbox: role, time of the view, public URL.

use domain::Timestamp;
use engine::{Actor, Clock};

use super::public_url::PublicUrl;

/// The role of the account that views a page, and the time of the view.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// Whether the account is an administrator, who sees every message and may act on them.
    pub admin: bool,
    pub now: Timestamp,
    /// The public URL of this Postern.
    pub url: String,
}

impl Viewer {
    pub fn new(actor: &Actor, url: &PublicUrl) -> Self {
        Self {
            admin: actor.administers().is_ok(),
            now: Clock::default().now(),
            url: url.0.clone(),
        }
    }
}
