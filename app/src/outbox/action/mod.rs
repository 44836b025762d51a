//! Actions on messages: buttons, confirmation, and the progress of one on many messages.

mod bulk;
mod buttons;
mod confirm;
mod confirm_page;
mod request;

pub use bulk::BulkActionProgress;
pub use buttons::{BulkActions, RecipientActions};
pub use confirm_page::ConfirmPage;
pub use request::ActionRequest;
