//! The pages that snapshots keep up to date: the list of the outbox, and a message.

mod form_result;
mod list;
mod message;
mod request;

pub use list::ListPage;
pub use message::MessagePage;
