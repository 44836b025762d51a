//! The webhooks of the organisation and of accounts: listed, added, changed, tested and removed.

use domain::outbox::is_id;
use domain::webhook::{
    WEBHOOKS_MAX, WebhookChange, WebhookDelivery, WebhookEvent, WebhookView, test_body,
};
use domain::{Kind, Refusal, SecretString};

use super::endpoint::Endpoint;
use super::owner::WebhookOwner;
use super::service::Notifications;
use super::signature::new_secret;
use crate::Actor;
use crate::audit::Action;
use crate::store::notifications::webhook_deliveries::{self, NewWebhookEvent};
use crate::store::notifications::webhooks::{self, WebhookRow};
use crate::store::relays::routing;
use crate::store::{Connection, StoreError, commit};

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

/// The webhooks of one owner.
#[derive(Clone, Copy)]
pub struct Webhooks<'a> {
    service: &'a Notifications,
    owner: WebhookOwner,
}

impl Webhooks<'_> {
    /// The webhooks, the oldest first.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for the organisation unless the actor is an administrator; for the account for a token
    /// that does not read, and for a local user.
    pub async fn list(self, actor: &Actor) -> Result<Vec<WebhookView>, Refusal> {
        let Self { service, owner } = self;
        let listed = async {
            let owner = owner.read_by(actor)?;
            let mut connection = service.store.read().await?;
            let rows = webhooks::of_owner(&mut connection, owner).await?;
            let mut views = Vec::with_capacity(rows.len());
            for row in rows {
                views.push(service.view(&mut connection, row).await?);
            }
            Ok(views)
        };
        service
            .audit
            .audited(actor, Action::ReadWebhooks, listed)
            .await
    }

    /// The newest 20 deliveries of a webhook, newest first.
    ///
    /// # Errors
    /// [`Kind::NotFound`] under `id` if the owner has none with this id; as [`Webhooks::list`].
    pub async fn deliveries(
        self,
        actor: &Actor,
        id: &str,
    ) -> Result<Vec<WebhookDelivery>, Refusal> {
        let Self { service, owner } = self;
        let listed = async {
            let owner = owner.read_by(actor)?;
            let mut connection = service.store.read().await?;
            owned(&mut connection, owner, id, "").await?;
            Ok(webhook_deliveries::newest(&mut connection, id, DELIVERIES).await?)
        };
        service
            .audit
            .audited(actor, Action::ReadWebhooks, listed)
            .await
    }

    /// Adds a webhook, with a secret of its own.
    ///
    /// # Errors
    /// [`Kind::Invalid`] or [`Kind::Conflict`] under `url`; [`Kind::Conflict`] if the owner has 10 already;
    /// [`Kind::Forbidden`] for the organisation unless the actor is an administrator; for the account for a local
    /// user, for a token without the scope `admin`, and for one that is limited.
    pub async fn create(self, actor: &Actor, url: &str) -> Result<NewWebhook, Refusal> {
        let Self { service, owner } = self;
        let created = async {
            let owner = owner.changed_by(actor)?;
            let endpoint = parse(owner, url)?;
            let mut work = service.store.begin().await?;
            // Endpoints that are added at the same time are counted one after another: each locks this
            // row, which always exists.
            routing::lock(&mut work, service.store.for_update()).await?;
            if webhooks::of_owner(&mut work, owner).await?.len() >= WEBHOOKS_MAX {
                let text = format!("There are {WEBHOOKS_MAX} webhooks already. Remove one first.");
                return Err(Refusal::new(Kind::Conflict, text));
            }
            let id = ulid::Ulid::new().to_string();
            let secret = new_secret();
            let row = WebhookRow {
                secret: service.vault.seal(SCOPE, &id, secret.as_bytes()),
                id,
                url: endpoint.url,
                enabled: true,
                gone_at: None,
                created_at: service.clock.now(),
                created_by: actor.name().to_owned(),
                account: owner.map(str::to_owned),
            };
            write(&mut work, &row).await?;
            service
                .audit
                .record(&mut work, actor, Action::CreateWebhook, endpoint.authority)
                .await?;
            let view = service.view(&mut work, row).await?;
            commit(work).await?;
            Ok(NewWebhook {
                view,
                secret: SecretString::new(secret.as_str()),
            })
        };
        service
            .audit
            .audited(actor, Action::CreateWebhook, created)
            .await
    }

    /// Changes the URL of a webhook, or switches it on or off. Switched off, the events that wait for it
    /// are cancelled.
    ///
    /// # Errors
    /// As [`Webhooks::create`]; [`Kind::NotFound`] under `id`.
    pub async fn change(
        self,
        actor: &Actor,
        id: &str,
        change: WebhookChange,
    ) -> Result<WebhookView, Refusal> {
        let Self { service, owner } = self;
        let changed = async {
            let owner = owner.changed_by(actor)?;
            let url = change.url.as_deref();
            let endpoint = url.map(|url| parse(owner, url)).transpose()?;
            let mut work = service.store.begin().await?;
            let mut row = service.row(&mut work, owner, id).await?;
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
                service
                    .audit
                    .record(&mut work, actor, Action::ChangeWebhook, detail)
                    .await?;
            }
            let view = service.view(&mut work, row).await?;
            commit(work).await?;
            Ok(view)
        };
        service
            .audit
            .audited(actor, Action::ChangeWebhook, changed)
            .await
    }

    /// Makes a new secret for a webhook, which is shown once. The one before ends.
    ///
    /// # Errors
    /// As [`Webhooks::remove`].
    pub async fn renew_secret(self, actor: &Actor, id: &str) -> Result<SecretString, Refusal> {
        let Self { service, owner } = self;
        let renewed = async {
            let owner = owner.changed_by(actor)?;
            let mut work = service.store.begin().await?;
            let mut row = service.row(&mut work, owner, id).await?;
            let secret = new_secret();
            row.secret = service.vault.seal(SCOPE, id, secret.as_bytes());
            write(&mut work, &row).await?;
            let detail = format!("{}: new secret", host(&row));
            service
                .audit
                .record(&mut work, actor, Action::ChangeWebhook, detail)
                .await?;
            commit(work).await?;
            Ok(SecretString::new(secret.as_str()))
        };
        service
            .audit
            .audited(actor, Action::ChangeWebhook, renewed)
            .await
    }

    /// Removes a webhook with its deliveries.
    ///
    /// # Errors
    /// [`Kind::NotFound`] under `id` if the owner has none with this id; [`Kind::Forbidden`] as for
    /// [`Webhooks::create`].
    pub async fn remove(self, actor: &Actor, id: &str) -> Result<(), Refusal> {
        let Self { service, owner } = self;
        let removed = async {
            let owner = owner.changed_by(actor)?;
            let mut work = service.store.begin().await?;
            let row = service.row(&mut work, owner, id).await?;
            webhooks::remove(&mut work, id).await?;
            service
                .audit
                .record(&mut work, actor, Action::RemoveWebhook, host(&row))
                .await?;
            commit(work).await?;
            Ok(())
        };
        service
            .audit
            .audited(actor, Action::RemoveWebhook, removed)
            .await
    }

    /// Queues a test event for a webhook, and tries the events before it again at once.
    ///
    /// # Errors
    /// As [`Webhooks::remove`]; [`Kind::Conflict`] if it is switched off, or if 20 events wait
    /// already.
    pub async fn test(self, actor: &Actor, id: &str) -> Result<(), Refusal> {
        let Self { service, owner } = self;
        let tested = async {
            let owner = owner.changed_by(actor)?;
            let mut work = service.store.begin().await?;
            let row = service.row(&mut work, owner, id).await?;
            if !row.enabled {
                let text = "This webhook is switched off. Switch it on first.";
                return Err(Refusal::new(Kind::Conflict, text));
            }
            let now = service.clock.now();
            webhook_deliveries::retry_now(&mut work, id, now).await?;
            if webhook_deliveries::queued(&mut work, id).await? >= QUEUED_MAX {
                commit(work).await?;
                service.wake();
                let text = format!(
                    "{QUEUED_MAX} events wait for this webhook already. The oldest is tried again now."
                );
                return Err(Refusal::new(Kind::Conflict, text));
            }
            let event = NewWebhookEvent::new(WebhookEvent::Test, test_body(actor.name(), now), now);
            webhook_deliveries::add(&mut work, id, &event).await?;
            service
                .audit
                .record(&mut work, actor, Action::TestWebhook, host(&row))
                .await?;
            commit(work).await?;
            service.wake();
            Ok(())
        };
        service
            .audit
            .audited(actor, Action::TestWebhook, tested)
            .await
    }
}

impl Notifications {
    /// The webhooks of an owner.
    pub fn webhooks(&self, owner: WebhookOwner) -> Webhooks<'_> {
        Webhooks {
            service: self,
            owner,
        }
    }

    async fn view(
        &self,
        connection: &mut Connection,
        row: WebhookRow,
    ) -> Result<WebhookView, StoreError> {
        Ok(WebhookView {
            queued: webhook_deliveries::queued(connection, &row.id).await?,
            last: webhook_deliveries::last_attempted(connection, &row.id).await?,
            is_secret_lost: self.vault.unseal(SCOPE, &row.id, &row.secret).is_err(),
            id: row.id,
            url: row.url,
            enabled: row.enabled,
            gone_at: row.gone_at,
            created_at: row.created_at,
            created_by: row.created_by,
        })
    }

    async fn row(
        &self,
        work: &mut Connection,
        owner: Option<&str>,
        id: &str,
    ) -> Result<WebhookRow, Refusal> {
        owned(work, owner, id, self.store.for_update()).await
    }
}

/// The endpoint with an id, if it belongs to the owner.
async fn owned(
    connection: &mut Connection,
    owner: Option<&str>,
    id: &str,
    for_update: &str,
) -> Result<WebhookRow, Refusal> {
    // PostgreSQL refuses a text with a NUL.
    if !is_id(id) {
        return Err(not_found());
    }
    let found = webhooks::by_id(connection, id, for_update).await?;
    let found = found.filter(|found| found.account.as_deref() == owner);
    found.ok_or_else(not_found)
}

fn not_found() -> Refusal {
    let text = "There is no such webhook. It may have been removed.";
    Refusal::of(Kind::NotFound, "id", text)
}

/// An endpoint of an account is not on this machine: events for it are always encrypted.
fn parse(owner: Option<&str>, url: &str) -> Result<Endpoint, Refusal> {
    let parsed = Endpoint::parse(url).and_then(|endpoint| match owner {
        Some(_) if !endpoint.encrypted => Err("The URL begins with https://."),
        _ => Ok(endpoint),
    });
    parsed.map_err(|fault| Refusal::of(Kind::Invalid, URL, fault))
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
