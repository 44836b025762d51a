//! The pages of the console.

mod account;
mod confirm;
mod email;
mod entrance;
mod login;
mod message;
mod outbox;
mod refused;
mod setup;
mod suppressions;

pub use account::Account;
pub use confirm::Confirm;
pub use email::Email;
pub use login::Login;
pub use message::Message;
pub use outbox::Outbox;
pub use refused::NotFound;
pub use setup::Setup;
pub use suppressions::SuppressionList;
