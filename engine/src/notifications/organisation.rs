//! The webhooks of the organisation: administrators add, change, test and remove them.

use domain::webhook::{WebhookChange, WebhookDelivery, WebhookView};
use domain::{Refusal, SecretString};

use super::endpoints::NewWebhook;
use super::service::Notifications;
use crate::Actor;
use crate::audit::Action;

impl Notifications {
    /// The webhooks of the organisation, the oldest first, for administrators.
    ///
    /// # Errors
    /// [`Kind::Forbidden`](domain::Kind::Forbidden) for any other actor.
    pub async fn webhooks(&self, actor: &Actor) -> Result<Vec<WebhookView>, Refusal> {
        let listed = self.endpoints(None);
        self.audit
            .administer(actor, Action::ReadWebhooks, listed)
            .await
    }

    /// The newest 20 deliveries of a webhook, newest first, for administrators.
    ///
    /// # Errors
    /// [`Kind::NotFound`](domain::Kind::NotFound) under `id`;
    /// [`Kind::Forbidden`](domain::Kind::Forbidden) for any other actor.
    pub async fn webhook_deliveries(
        &self,
        actor: &Actor,
        id: &str,
    ) -> Result<Vec<WebhookDelivery>, Refusal> {
        let listed = self.deliveries(None, id);
        self.audit
            .administer(actor, Action::ReadWebhooks, listed)
            .await
    }

    /// Adds a webhook, with a secret of its own. Only administrators may.
    ///
    /// # Errors
    /// [`Kind::Invalid`](domain::Kind::Invalid) or [`Kind::Conflict`](domain::Kind::Conflict) under `url`;
    /// `Conflict` if there are 10 already; [`Kind::Forbidden`](domain::Kind::Forbidden) for any other actor.
    pub async fn create_webhook(&self, actor: &Actor, url: &str) -> Result<NewWebhook, Refusal> {
        let created = self.create_endpoint(actor, None, url);
        self.audit
            .administer(actor, Action::CreateWebhook, created)
            .await
    }

    /// Changes the URL of a webhook, or switches it on or off. Switched off, the events that wait for it
    /// are cancelled. Only administrators may.
    ///
    /// # Errors
    /// As [`Notifications::create_webhook`]; [`Kind::NotFound`](domain::Kind::NotFound) under `id`.
    pub async fn change_webhook(
        &self,
        actor: &Actor,
        id: &str,
        change: WebhookChange,
    ) -> Result<WebhookView, Refusal> {
        let changed = self.change_endpoint(actor, None, id, change);
        self.audit
            .administer(actor, Action::ChangeWebhook, changed)
            .await
    }

    /// Makes a new secret for a webhook, which is shown once. The one before ends. Only administrators
    /// may.
    ///
    /// # Errors
    /// [`Kind::NotFound`](domain::Kind::NotFound) under `id`;
    /// [`Kind::Forbidden`](domain::Kind::Forbidden) for any other actor.
    pub async fn renew_webhook_secret(
        &self,
        actor: &Actor,
        id: &str,
    ) -> Result<SecretString, Refusal> {
        let renewed = self.renew_secret(actor, None, id);
        self.audit
            .administer(actor, Action::ChangeWebhook, renewed)
            .await
    }

    /// Removes a webhook with its deliveries. Only administrators may.
    ///
    /// # Errors
    /// [`Kind::NotFound`](domain::Kind::NotFound) under `id`;
    /// [`Kind::Forbidden`](domain::Kind::Forbidden) for any other actor.
    pub async fn remove_webhook(&self, actor: &Actor, id: &str) -> Result<(), Refusal> {
        let removed = self.remove_endpoint(actor, None, id);
        self.audit
            .administer(actor, Action::RemoveWebhook, removed)
            .await
    }

    /// Queues a test event for a webhook, and tries the events before it again at once. Only administrators
    /// may.
    ///
    /// # Errors
    /// [`Kind::NotFound`](domain::Kind::NotFound) under `id`; [`Kind::Conflict`](domain::Kind::Conflict) if it
    /// is switched off, or if 20 events wait already; [`Kind::Forbidden`](domain::Kind::Forbidden) for any
    /// other actor.
    pub async fn test_webhook(&self, actor: &Actor, id: &str) -> Result<(), Refusal> {
        let tested = self.test_endpoint(actor, None, id);
        self.audit
            .administer(actor, Action::TestWebhook, tested)
            .await
    }
}
