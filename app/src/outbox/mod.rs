//! The outbox as it is seen. It is drawn on the server, for a page and for who looks at one
//! already.

mod acts;
pub mod address;
mod counts;
mod empty;
pub mod format;
mod letter;
mod list;
mod look;
mod message;
mod overview;
mod pace;
mod pause;
mod question;
mod search;
mod standing;
mod timeline;

use domain::Timestamp;
use engine::{Actor, Clock};

pub use address::{Errand, Place};
pub use letter::Reading;
pub use look::{Looks, Seen, pictures};
pub use message::title;
pub use question::Question;
pub use search::SearchForm;

/// Who looks, and when.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// Sees everything and may act.
    pub admin: bool,
    pub now: Timestamp,
    /// Where programs reach this Postern.
    pub url: String,
}

impl Viewer {
    pub fn new(actor: &Actor, url: &str) -> Self {
        Self {
            admin: actor.administers().is_ok(),
            now: Clock::default().now(),
            url: url.to_owned(),
        }
    }
}
