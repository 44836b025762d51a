//! The webhooks of an account, which its messages name: listed, added, changed, tested and removed.

use domain::webhook::{WebhookChange, WebhookDelivery, WebhookView};
use domain::{Refusal, SecretString};

use super::endpoints::NewWebhook;
use super::service::Notifications;
use crate::Actor;
use crate::audit::Action;

impl Notifications {
    /// The webhooks of the actor's account, the oldest first.
    ///
    /// # Errors
    /// [`Kind::Forbidden`](domain::Kind::Forbidden) for a token that does not read, and for a local user.
    pub async fn own_webhooks(&self, actor: &Actor) -> Result<Vec<WebhookView>, Refusal> {
        let listed = async {
            let account = actor.reads_own_webhooks()?;
            self.endpoints(Some(&account.id)).await
        };
        self.audit
            .audited(actor, Action::ReadWebhooks, listed)
            .await
    }

    /// The newest 20 deliveries of a webhook of the actor's account, newest first.
    ///
    /// # Errors
    /// [`Kind::NotFound`](domain::Kind::NotFound) under `id` if the account has none with this id; as
    /// [`Notifications::own_webhooks`].
    pub async fn own_webhook_deliveries(
        &self,
        actor: &Actor,
        id: &str,
    ) -> Result<Vec<WebhookDelivery>, Refusal> {
        let listed = async {
            let account = actor.reads_own_webhooks()?;
            self.deliveries(Some(&account.id), id).await
        };
        self.audit
            .audited(actor, Action::ReadWebhooks, listed)
            .await
    }

    /// Adds a webhook to the actor's account, with a secret of its own.
    ///
    /// # Errors
    /// [`Kind::Invalid`](domain::Kind::Invalid) or [`Kind::Conflict`](domain::Kind::Conflict) under `url`;
    /// `Conflict` if the account has 10 already; [`Kind::Forbidden`](domain::Kind::Forbidden) for a local
    /// user, for a token without the scope `admin`, and for one that is limited.
    pub async fn create_own_webhook(
        &self,
        actor: &Actor,
        url: &str,
    ) -> Result<NewWebhook, Refusal> {
        let created = async {
            let account = actor.changes_own_webhooks()?;
            self.create_endpoint(actor, Some(&account.id), url).await
        };
        self.audit
            .audited(actor, Action::CreateWebhook, created)
            .await
    }

    /// Changes the URL of a webhook of the actor's account, or switches it on or off. Switched off, the
    /// events that wait for it are cancelled.
    ///
    /// # Errors
    /// As [`Notifications::create_own_webhook`]; [`Kind::NotFound`](domain::Kind::NotFound) under `id`.
    pub async fn change_own_webhook(
        &self,
        actor: &Actor,
        id: &str,
        change: WebhookChange,
    ) -> Result<WebhookView, Refusal> {
        let changed = async {
            let account = actor.changes_own_webhooks()?;
            let owner = Some(account.id.as_str());
            self.change_endpoint(actor, owner, id, change).await
        };
        self.audit
            .audited(actor, Action::ChangeWebhook, changed)
            .await
    }

    /// Makes a new secret for a webhook of the actor's account, which is shown once. The one before ends.
    ///
    /// # Errors
    /// As [`Notifications::remove_own_webhook`].
    pub async fn renew_own_webhook_secret(
        &self,
        actor: &Actor,
        id: &str,
    ) -> Result<SecretString, Refusal> {
        let renewed = async {
            let account = actor.changes_own_webhooks()?;
            self.renew_secret(actor, Some(&account.id), id).await
        };
        self.audit
            .audited(actor, Action::ChangeWebhook, renewed)
            .await
    }

    /// Removes a webhook of the actor's account with its deliveries.
    ///
    /// # Errors
    /// [`Kind::NotFound`](domain::Kind::NotFound) under `id` if the account has none with this id;
    /// [`Kind::Forbidden`](domain::Kind::Forbidden) as for [`Notifications::create_own_webhook`].
    pub async fn remove_own_webhook(&self, actor: &Actor, id: &str) -> Result<(), Refusal> {
        let removed = async {
            let account = actor.changes_own_webhooks()?;
            self.remove_endpoint(actor, Some(&account.id), id).await
        };
        self.audit
            .audited(actor, Action::RemoveWebhook, removed)
            .await
    }

    /// Queues a test event for a webhook of the actor's account, and tries the events before it again at
    /// once.
    ///
    /// # Errors
    /// As [`Notifications::remove_own_webhook`]; [`Kind::Conflict`](domain::Kind::Conflict) if it is switched
    /// off, or if 20 events wait already.
    pub async fn test_own_webhook(&self, actor: &Actor, id: &str) -> Result<(), Refusal> {
        let tested = async {
            let account = actor.changes_own_webhooks()?;
            self.test_endpoint(actor, Some(&account.id), id).await
        };
        self.audit.audited(actor, Action::TestWebhook, tested).await
    }
}
