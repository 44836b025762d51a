//! The endpoints of webhooks: added, changed, tested and removed by administrators.

use domain::outbox::is_id;
use domain::webhook::{
    WEBHOOKS_MAX, WebhookChange, WebhookDelivery, WebhookEvent, WebhookView, test_body,
};
use domain::{Kind, Refusal, SecretString};

use super::endpoint::Endpoint;
use super::service::Notifications;
use super::signature::new_secret;
use crate::Actor;
use crate::audit::Action;
use crate::store::webhook_deliveries::NewWebhookEvent;
use crate::store::webhooks::WebhookRow;
use crate::store::{Connection, StoreError, commit, routing, webhook_deliveries, webhooks};

/// The scope that secrets are sealed for; the label is the id of the endpoint.
pub(super) const SCOPE: &str = "webhook";

/// The field of the URL.
const URL: &str = "url";

/// How many deliveries of an endpoint are listed.
const DELIVERIES: i64 = 20;

/// With so many queued events an endpoint gets no more tests.
const QUEUED_MAX: i64 = 20;

/// An endpoint that was added.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    /// The endpoint.
    pub view: WebhookView,
    /// What its receiver verifies signatures with. It is shown once.
    pub secret: SecretString,
}

impl Notifications {
    /// The endpoints, the oldest first, for administrators.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for any other actor.
    pub async fn webhooks(&self, actor: &Actor) -> Result<Vec<WebhookView>, Refusal> {
        let listed = async {
            let mut connection = self.store.read().await?;
            let rows = webhooks::all(&mut connection).await?;
            let mut views = Vec::with_capacity(rows.len());
            for row in rows {
                views.push(view(&mut connection, row).await?);
            }
            Ok(views)
        };
        self.audit
            .administer(actor, Action::ReadWebhooks, listed)
            .await
    }

    /// The newest 20 deliveries of an endpoint, newest first, for administrators.
    ///
    /// # Errors
    /// [`Kind::NotFound`] under `id`; [`Kind::Forbidden`] for any other actor.
    pub async fn webhook_deliveries(
        &self,
        actor: &Actor,
        id: &str,
    ) -> Result<Vec<WebhookDelivery>, Refusal> {
        let listed = async {
            let mut connection = self.store.read().await?;
            if !is_id(id) || webhooks::by_id(&mut connection, id, "").await?.is_none() {
                return Err(not_found());
            }
            Ok(webhook_deliveries::newest(&mut connection, id, DELIVERIES).await?)
        };
        self.audit
            .administer(actor, Action::ReadWebhooks, listed)
            .await
    }

    /// Adds an endpoint, with a secret of its own. Only administrators may.
    ///
    /// # Errors
    /// [`Kind::Invalid`] or [`Kind::Conflict`] under `url`; [`Kind::Conflict`] if there are 10 already;
    /// [`Kind::Forbidden`] for any other actor.
    pub async fn create_webhook(&self, actor: &Actor, url: &str) -> Result<NewWebhook, Refusal> {
        let created = async {
            let endpoint = parse(url)?;
            let mut work = self.store.begin().await?;
            // Endpoints that are added at the same time are counted one after another: each locks this
            // row, which always exists.
            routing::lock(&mut work, self.store.for_update()).await?;
            if webhooks::all(&mut work).await?.len() >= WEBHOOKS_MAX {
                let text = format!("There are {WEBHOOKS_MAX} webhooks already. Remove one first.");
                return Err(Refusal::new(Kind::Conflict, text));
            }
            let id = ulid::Ulid::new().to_string();
            let secret = new_secret();
            let row = WebhookRow {
                secret: self.vault.seal(SCOPE, &id, secret.as_bytes()),
                id,
                url: endpoint.url,
                enabled: true,
                gone_at: None,
                created_at: self.clock.now(),
                created_by: actor.name().to_owned(),
            };
            write(&mut work, &row).await?;
            self.audit
                .record(&mut work, actor, Action::CreateWebhook, endpoint.authority)
                .await?;
            let view = view(&mut work, row).await?;
            commit(work).await?;
            Ok(NewWebhook {
                view,
                secret: SecretString::new(secret.as_str()),
            })
        };
        self.audit
            .administer(actor, Action::CreateWebhook, created)
            .await
    }

    /// Changes the URL of an endpoint, or switches it on or off. Switched off, the events that wait for it
    /// are cancelled. Only administrators may.
    ///
    /// # Errors
    /// As [`Notifications::create_webhook`]; [`Kind::NotFound`] under `id`.
    pub async fn change_webhook(
        &self,
        actor: &Actor,
        id: &str,
        change: WebhookChange,
    ) -> Result<WebhookView, Refusal> {
        let changed = async {
            let endpoint = change.url.as_deref().map(parse).transpose()?;
            let mut work = self.store.begin().await?;
            let mut row = self.row(&mut work, id).await?;
            let mut changes = Vec::new();
            if let Some(endpoint) = endpoint
                && endpoint.url != row.url
            {
                changes.push(format!("URL at {}", endpoint.authority));
                row.url = endpoint.url;
            }
            if let Some(enabled) = change.enabled
                && enabled != row.enabled
            {
                changes.push(if enabled { "on" } else { "off" }.to_owned());
                row.enabled = enabled;
                row.gone_at = None;
            }
            if !changes.is_empty() {
                write(&mut work, &row).await?;
                if !row.enabled {
                    webhook_deliveries::cancel(&mut work, id).await?;
                }
                let detail = format!("{}: {}", host(&row), changes.join(", "));
                self.audit
                    .record(&mut work, actor, Action::ChangeWebhook, detail)
                    .await?;
            }
            let view = view(&mut work, row).await?;
            commit(work).await?;
            Ok(view)
        };
        self.audit
            .administer(actor, Action::ChangeWebhook, changed)
            .await
    }

    /// Makes a new secret for an endpoint, which is shown once. The one before ends. Only administrators
    /// may.
    ///
    /// # Errors
    /// [`Kind::NotFound`] under `id`; [`Kind::Forbidden`] for any other actor.
    pub async fn renew_webhook_secret(
        &self,
        actor: &Actor,
        id: &str,
    ) -> Result<SecretString, Refusal> {
        let renewed = async {
            let mut work = self.store.begin().await?;
            let mut row = self.row(&mut work, id).await?;
            let secret = new_secret();
            row.secret = self.vault.seal(SCOPE, id, secret.as_bytes());
            write(&mut work, &row).await?;
            let detail = format!("{}: new secret", host(&row));
            self.audit
                .record(&mut work, actor, Action::ChangeWebhook, detail)
                .await?;
            commit(work).await?;
            Ok(SecretString::new(secret.as_str()))
        };
        self.audit
            .administer(actor, Action::ChangeWebhook, renewed)
            .await
    }

    /// Removes an endpoint with its deliveries. Only administrators may.
    ///
    /// # Errors
    /// [`Kind::NotFound`] under `id`; [`Kind::Forbidden`] for any other actor.
    pub async fn remove_webhook(&self, actor: &Actor, id: &str) -> Result<(), Refusal> {
        let removed = async {
            let mut work = self.store.begin().await?;
            let row = self.row(&mut work, id).await?;
            webhooks::remove(&mut work, id).await?;
            self.audit
                .record(&mut work, actor, Action::RemoveWebhook, host(&row))
                .await?;
            commit(work).await?;
            Ok(())
        };
        self.audit
            .administer(actor, Action::RemoveWebhook, removed)
            .await
    }

    /// Queues a test event for an endpoint, and tries the events before it again at once. Only administrators
    /// may.
    ///
    /// # Errors
    /// [`Kind::NotFound`] under `id`; [`Kind::Conflict`] if it is switched off, or if 20 events wait already;
    /// [`Kind::Forbidden`] for any other actor.
    pub async fn test_webhook(&self, actor: &Actor, id: &str) -> Result<(), Refusal> {
        let tested = async {
            let mut work = self.store.begin().await?;
            let row = self.row(&mut work, id).await?;
            if !row.enabled {
                let text = "This webhook is switched off. Switch it on first.";
                return Err(Refusal::new(Kind::Conflict, text));
            }
            let now = self.clock.now();
            webhook_deliveries::retry_now(&mut work, id, now).await?;
            if webhook_deliveries::queued(&mut work, id).await? >= QUEUED_MAX {
                commit(work).await?;
                self.wake();
                let text = format!(
                    "{QUEUED_MAX} events wait for this webhook already. The oldest is tried again now."
                );
                return Err(Refusal::new(Kind::Conflict, text));
            }
            let event = NewWebhookEvent::new(WebhookEvent::Test, test_body(actor.name(), now), now);
            webhook_deliveries::add(&mut work, id, &event).await?;
            self.audit
                .record(&mut work, actor, Action::TestWebhook, host(&row))
                .await?;
            commit(work).await?;
            self.wake();
            Ok(())
        };
        self.audit
            .administer(actor, Action::TestWebhook, tested)
            .await
    }

    async fn row(&self, work: &mut Connection, id: &str) -> Result<WebhookRow, Refusal> {
        // PostgreSQL refuses a text with a NUL.
        if !is_id(id) {
            return Err(not_found());
        }
        let found = webhooks::by_id(work, id, self.store.for_update()).await?;
        found.ok_or_else(not_found)
    }
}

fn not_found() -> Refusal {
    let text = "There is no such webhook. It may have been removed.";
    Refusal::of(Kind::NotFound, "id", text)
}

fn parse(url: &str) -> Result<Endpoint, Refusal> {
    Endpoint::parse(url).map_err(|fault| Refusal::of(Kind::Invalid, URL, fault))
}

/// Host and port of an endpoint, for the audit log.
pub(super) fn host(row: &WebhookRow) -> String {
    Endpoint::parse(&row.url).map_or_else(|_| row.id.clone(), |endpoint| endpoint.authority)
}

async fn write(work: &mut Connection, row: &WebhookRow) -> Result<(), Refusal> {
    match webhooks::write(work, row).await {
        Err(error) if error.is_taken() => {
            let text = "Another webhook has this URL.";
            Err(Refusal::of(Kind::Conflict, URL, text))
        }
        written => Ok(written?),
    }
}

async fn view(connection: &mut Connection, row: WebhookRow) -> Result<WebhookView, StoreError> {
    Ok(WebhookView {
        queued: webhook_deliveries::queued(connection, &row.id).await?,
        last: webhook_deliveries::last_attempted(connection, &row.id).await?,
        id: row.id,
        url: row.url,
        enabled: row.enabled,
        gone_at: row.gone_at,
        created_at: row.created_at,
        created_by: row.created_by,
    })
}
