//! What Postern does: keeps settings, seals secrets, speaks SMTP, delivers. No HTTP, no HTML.
//!
//! `settings`, `accounts`, `diagnosis`, `outbox` and `audit` are services; `smtp`, `mail`, `vault`
//! and `store` are what they stand on. Every door calls [`Postern`].

mod accounts;
mod actor;
mod audit;
mod clock;
mod diagnosis;
mod mail;
mod outbox;
mod postern;
mod settings;
pub mod smtp;
mod store;
mod vault;

pub use actor::{Actor, Origin};
pub use audit::Action;
pub use clock::Clock;
pub use diagnosis::{Question, RECIPIENT, Search, TO};
pub use mail::{Attached, Attachment, Letter, Submission};
pub use outbox::{BOUNDS, Delivery, Figures, Handed, Meter, Reading, Retention};
pub use postern::{Config, OpenError, Postern};
pub use store::accounts::Account;
pub use store::tokens::Token;
pub use vault::BROWSER_KEY_BITS;
