//! Webhooks of the organisation and of an account: the page that lists them, and their forms.

mod add_form;
mod find;
mod format;
mod forms;
mod page;
mod paths;
mod removal_page;
mod requests;
mod url_page;
mod webhook_row;

pub(crate) use forms::forms;
pub use page::{OwnWebhooksPage, WebhooksPage};
pub use paths::{
    CHANGE_OWN_WEBHOOK, CHANGE_WEBHOOK, OWN_WEBHOOK_SECRET, OWN_WEBHOOKS, REMOVE_OWN_WEBHOOK,
    REMOVE_WEBHOOK, TEST_OWN_WEBHOOK, TEST_WEBHOOK, WEBHOOK_SECRET, WEBHOOKS, WebhookPaths,
};
pub use removal_page::{OwnWebhookRemovalPage, WebhookRemovalPage};
pub use url_page::{OwnWebhookUrlPage, WebhookUrlPage};
