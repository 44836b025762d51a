//! The forms of the relays: add, change, check, remove.

use domain::{Kind, Refusal};

use super::requests::{ChangeRequest, CheckRequest, RemoveRequest, TypedRelay, new_relay};
use super::{CHANGE_RELAY, CHECK_RELAY, RELAYS, REMOVE_RELAY, relay_path};
use crate::flash::Flash;
use crate::form::{FormAnswer, FormRequest, FormRoute};
use crate::request::with_query;

/// Their routes.
pub fn forms() -> Vec<FormRoute> {
    vec![
        FormRoute::new(RELAYS, add),
        FormRoute::new(CHANGE_RELAY, change),
        FormRoute::new(CHECK_RELAY, check),
        FormRoute::new(REMOVE_RELAY, remove),
    ]
}

/// Adds a relay, and continues at its page, where its settings are saved.
async fn add(posted: FormRequest) -> FormAnswer {
    let mut typed = Vec::new();
    let added = async {
        let actor = posted.actor()?;
        typed = posted.fields()?.to_vec();
        let relays = posted.postern.relays();
        relays.create(actor, new_relay(&typed)?).await
    };
    match added.await {
        Ok(relay) => FormAnswer::done(relay_path(&relay.id), Flash::RelayAdded(relay.config.name)),
        Err(refusal) => as_typed(RELAYS.to_owned(), typed, refusal),
    }
}

async fn change(posted: FormRequest) -> FormAnswer {
    let mut typed = Vec::new();
    let mut page = RELAYS.to_owned();
    let changed = async {
        let actor = posted.actor()?;
        typed = posted.fields()?.to_vec();
        page = ChangeRequest::page(&typed);
        let ChangeRequest {
            id,
            revision,
            change,
        } = ChangeRequest::parse(&typed)?;
        let relays = posted.postern.relays();
        relays.change(actor, &id, change, revision).await
    };
    match changed.await {
        Ok(relay) => FormAnswer::done(page, Flash::RelayChanged(relay.config.name)),
        Err(refusal) => as_typed(page, typed, refusal),
    }
}

async fn check(posted: FormRequest) -> FormAnswer {
    let mut page = RELAYS.to_owned();
    let checked = async {
        let actor = posted.actor()?;
        let request = CheckRequest::parse(posted.fields()?)?;
        page = request.page;
        let health = posted.postern.health();
        health.check_now(actor, &request.id).await
    };
    match checked.await {
        Ok(()) => FormAnswer::done(page, Flash::CheckRequested),
        Err(refusal) => FormAnswer::refused(page, refusal),
    }
}

async fn remove(posted: FormRequest) -> FormAnswer {
    let mut page = RELAYS.to_owned();
    let removed = async {
        let actor = posted.actor()?;
        let RemoveRequest { id, revision } = RemoveRequest::parse(posted.fields()?)?;
        page = with_query(REMOVE_RELAY, [("id", &id)]);
        let relays = posted.postern.relays();
        let name = relays.read(actor, &id).await?.config.name;
        relays.remove(actor, &id, revision).await?;
        Ok::<_, Refusal>(name)
    };
    match removed.await {
        Ok(name) => FormAnswer::done(RELAYS, Flash::RelayRemoved(name)),
        Err(refusal) => FormAnswer::refused(page, refusal),
    }
}

/// The page at `path` again with what was typed; after a conflict with what is saved.
fn as_typed(path: String, typed: Vec<(String, String)>, refusal: Refusal) -> FormAnswer {
    match refusal.kind {
        Kind::Conflict => FormAnswer::refused(path, refusal),
        _ => FormAnswer::refused_with(path, TypedRelay(typed), refusal),
    }
}
