//! The forms of webhooks: add, change the URL, switch on or off, new secret, test, remove.

use domain::Refusal;
use engine::{Actor, Postern, WebhookOwner};

use super::find::find_webhook;
use super::format::webhook_host;
use super::paths::WebhookPaths;
use super::requests::{
    ShownWebhookSecret, TypedWebhook, WebhookChangeRequest, new_webhook_url, typed_webhook,
};
use crate::flash::Flash;
use crate::form::{FormAnswer, FormRequest, FormRoute};
use crate::request::{only_id, with_query};

/// Their routes.
pub fn forms() -> Vec<FormRoute> {
    let owners = [WebhookOwner::Organisation, WebhookOwner::Account];
    owners.into_iter().flat_map(forms_of).collect()
}

fn forms_of(owner: WebhookOwner) -> [FormRoute; 5] {
    let paths = WebhookPaths::of(owner);
    [
        FormRoute::new(paths.list, move |posted| add(owner, posted)),
        FormRoute::new(paths.change, move |posted| change(owner, posted)),
        FormRoute::new(paths.secret, move |posted| renew_secret(owner, posted)),
        FormRoute::new(paths.test, move |posted| test(owner, posted)),
        FormRoute::new(paths.remove, move |posted| remove(owner, posted)),
    ]
}

/// The page of the webhooks of an owner.
fn list(owner: WebhookOwner) -> &'static str {
    WebhookPaths::of(owner).list
}

/// Adds a webhook. The page that answers is the only one that shows its secret.
async fn add(owner: WebhookOwner, posted: FormRequest) -> FormAnswer {
    let mut typed = TypedWebhook::default();
    let added = async {
        let actor = posted.actor()?;
        let fields = posted.fields()?;
        typed = typed_webhook(fields);
        let url = new_webhook_url(fields)?;
        let webhooks = posted.postern.notifications().webhooks(owner);
        webhooks.create(actor, &url).await
    };
    match added.await {
        Ok(new) => {
            let host = webhook_host(&new.view.url).to_owned();
            let secret = new.secret.expose().to_owned();
            FormAnswer::page(list(owner), ShownWebhookSecret { host, secret })
        }
        Err(refusal) => FormAnswer::refused_with(list(owner), typed, refusal),
    }
}

/// Changes the URL, or switches a webhook on or off. A URL that is refused leads back to its page.
async fn change(owner: WebhookOwner, posted: FormRequest) -> FormAnswer {
    let mut url_form = None;
    let changed = async {
        let actor = posted.actor()?;
        let fields = posted.fields()?;
        let WebhookChangeRequest { id, change } = WebhookChangeRequest::parse(fields)?;
        if change.url.is_some() {
            let path = with_query(WebhookPaths::of(owner).change, [("id", &id)]);
            url_form = Some((path, typed_webhook(fields)));
        }
        let webhooks = posted.postern.notifications().webhooks(owner);
        webhooks.change(actor, &id, change).await
    };
    let changed = changed.await;
    match (changed, url_form) {
        (Ok(webhook), url_form) => {
            let host = webhook_host(&webhook.url).to_owned();
            let done = match (url_form, webhook.enabled) {
                (Some(_), _) => Flash::WebhookMoved(host),
                (None, true) => Flash::WebhookOn(host),
                (None, false) => Flash::WebhookOff(host),
            };
            FormAnswer::done(list(owner), done)
        }
        (Err(refusal), Some((path, typed))) => FormAnswer::refused_with(path, typed, refusal),
        (Err(refusal), None) => FormAnswer::refused(list(owner), refusal),
    }
}

/// Makes a new secret. The page that answers is the only one that shows it.
async fn renew_secret(owner: WebhookOwner, posted: FormRequest) -> FormAnswer {
    let renewed = async {
        let actor = posted.actor()?;
        let id = only_id(posted.fields()?)?;
        let webhooks = posted.postern.notifications().webhooks(owner);
        let secret = webhooks.renew_secret(actor, &id).await?;
        Ok::<_, Refusal>(ShownWebhookSecret {
            host: host(owner, &posted.postern, actor, &id).await?,
            secret: secret.expose().to_owned(),
        })
    };
    match renewed.await {
        Ok(shown) => FormAnswer::page(list(owner), shown),
        Err(refusal) => FormAnswer::refused(list(owner), refusal),
    }
}

async fn test(owner: WebhookOwner, posted: FormRequest) -> FormAnswer {
    let tested = async {
        let actor = posted.actor()?;
        let id = only_id(posted.fields()?)?;
        let webhooks = posted.postern.notifications().webhooks(owner);
        webhooks.test(actor, &id).await?;
        host(owner, &posted.postern, actor, &id).await
    };
    match tested.await {
        Ok(host) => FormAnswer::done(list(owner), Flash::WebhookTested(host)),
        Err(refusal) => FormAnswer::refused(list(owner), refusal),
    }
}

async fn remove(owner: WebhookOwner, posted: FormRequest) -> FormAnswer {
    let mut path = list(owner).to_owned();
    let removed = async {
        let actor = posted.actor()?;
        let id = only_id(posted.fields()?)?;
        path = with_query(WebhookPaths::of(owner).remove, [("id", &id)]);
        let host = host(owner, &posted.postern, actor, &id).await?;
        let webhooks = posted.postern.notifications().webhooks(owner);
        webhooks.remove(actor, &id).await?;
        Ok::<_, Refusal>(host)
    };
    match removed.await {
        Ok(host) => FormAnswer::done(list(owner), Flash::WebhookRemoved(host)),
        Err(refusal) => FormAnswer::refused(path, refusal),
    }
}

/// Host and port of a webhook.
async fn host(
    owner: WebhookOwner,
    postern: &Postern,
    actor: &Actor,
    id: &str,
) -> Result<String, Refusal> {
    let webhook = find_webhook(postern, actor, owner, Ok(id.to_owned())).await?;
    Ok(webhook_host(&webhook.url).to_owned())
}
