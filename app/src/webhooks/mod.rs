//! Webhooks: the page that lists them, and the forms that add, change, test and remove them.

mod add_form;
mod find;
mod format;
mod page;
mod removal_page;
mod requests;
mod url_page;
mod webhook_row;

pub use format::webhook_host;
pub use page::WebhooksPage;
pub use removal_page::WebhookRemovalPage;
pub use requests::{
    ShownWebhookSecret, TypedWebhook, WebhookChangeRequest, new_webhook_url, typed_webhook,
    webhook_id,
};
pub use url_page::WebhookUrlPage;

/// The page, and the form that adds a webhook.
pub const WEBHOOKS: &str = "/webhooks";

/// The page that changes the URL of a webhook, and the form that does it or switches it on or off.
pub const CHANGE_WEBHOOK: &str = "/webhooks/change";

/// The form that makes a new secret.
pub const WEBHOOK_SECRET: &str = "/webhooks/secret";

/// The form that sends a test event.
pub const TEST_WEBHOOK: &str = "/webhooks/test";

/// The page that asks whether to remove a webhook, and its form.
pub const REMOVE_WEBHOOK: &str = "/webhooks/remove";
