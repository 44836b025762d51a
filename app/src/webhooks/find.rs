//! Finds the webhook that a page or a form is about.

use domain::webhook::WebhookView;
use domain::{Kind, Refusal};
use engine::{Actor, Postern, WebhookOwner};

/// The webhook with this id.
///
/// # Errors
/// Those of the id; [`Kind::NotFound`] under `id`; [`Kind::Forbidden`] for webhooks of the organisation unless
/// the actor is an administrator.
pub async fn find_webhook(
    postern: &Postern,
    actor: &Actor,
    owner: WebhookOwner,
    id: Result<String, Refusal>,
) -> Result<WebhookView, Refusal> {
    let listed = postern.notifications().webhooks(owner).list(actor).await?;
    let id = id?;
    let found = listed.into_iter().find(|webhook| webhook.id == id);
    found.ok_or_else(|| {
        let text = "There is no such webhook. It may have been removed.";
        Refusal::of(Kind::NotFound, "id", text)
    })
}
