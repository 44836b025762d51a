//! The paths of the pages and forms of webhooks: those of the organisation and of an account.

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

/// Whose webhooks a page or a form is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookScope {
    /// Those of the organisation, which get the events of relays.
    Organisation,
    /// Those of the own account, which its messages name.
    Account,
}

/// The paths of one scope.
#[derive(Clone, Copy, Debug)]
pub struct WebhookPaths {
    pub list: &'static str,
    pub change: &'static str,
    pub secret: &'static str,
    pub test: &'static str,
    pub remove: &'static str,
}

impl WebhookScope {
    /// Its pages and forms.
    pub const fn paths(self) -> WebhookPaths {
        match self {
            Self::Organisation => WebhookPaths {
                list: WEBHOOKS,
                change: CHANGE_WEBHOOK,
                secret: WEBHOOK_SECRET,
                test: TEST_WEBHOOK,
                remove: REMOVE_WEBHOOK,
            },
            Self::Account => WebhookPaths {
                list: OWN_WEBHOOKS,
                change: CHANGE_OWN_WEBHOOK,
                secret: OWN_WEBHOOK_SECRET,
                test: TEST_OWN_WEBHOOK,
                remove: REMOVE_OWN_WEBHOOK,
            },
        }
    }
}
