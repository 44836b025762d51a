//! The paths of the pages and forms of webhooks: those of the organisation and of an account.

use engine::WebhookOwner;

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

/// As [`WEBHOOKS`], of an account.
pub const OWN_WEBHOOKS: &str = "/account/webhooks";

/// As [`CHANGE_WEBHOOK`], of an account.
pub const CHANGE_OWN_WEBHOOK: &str = "/account/webhooks/change";

/// As [`WEBHOOK_SECRET`], of an account.
pub const OWN_WEBHOOK_SECRET: &str = "/account/webhooks/secret";

/// As [`TEST_WEBHOOK`], of an account.
pub const TEST_OWN_WEBHOOK: &str = "/account/webhooks/test";

/// As [`REMOVE_WEBHOOK`], of an account.
pub const REMOVE_OWN_WEBHOOK: &str = "/account/webhooks/remove";

/// The paths of the webhooks of one owner.
#[derive(Clone, Copy, Debug)]
pub struct WebhookPaths {
    pub list: &'static str,
    pub change: &'static str,
    pub secret: &'static str,
    pub test: &'static str,
    pub remove: &'static str,
}

impl WebhookPaths {
    pub const fn of(owner: WebhookOwner) -> Self {
        match owner {
            WebhookOwner::Organisation => Self {
                list: WEBHOOKS,
                change: CHANGE_WEBHOOK,
                secret: WEBHOOK_SECRET,
                test: TEST_WEBHOOK,
                remove: REMOVE_WEBHOOK,
            },
            WebhookOwner::Account => Self {
                list: OWN_WEBHOOKS,
                change: CHANGE_OWN_WEBHOOK,
                secret: OWN_WEBHOOK_SECRET,
                test: TEST_OWN_WEBHOOK,
                remove: REMOVE_OWN_WEBHOOK,
            },
        }
    }
}
