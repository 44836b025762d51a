//! The pages that snapshots keep up to date: the list of the outbox, and a message.

mod form_result;
mod list_page;
mod message_page;
mod request;

pub use list_page::ListPage;
pub use message_page::MessagePage;
