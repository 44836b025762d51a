//! Form posts about sender addresses: of the own account, of others, and by a mailed link.

use app::Flash;
use app::accounts::{ACCOUNTS, ADD_SENDER_OF, EndOfAccount, REMOVE_SENDER_OF, account_path};
use app::entrance::link_path;
use app::senders::{
    CONFIRM_SENDER, REMOVE_SENDER, SEND_AGAIN, SENDERS, SenderForm, SenderIdForm, SenderLinkForm,
};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use domain::Refusal;

use super::authentication::Caller;
use super::flash;
use super::forms::{again, again_with, filled_in, typed};
use super::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new()
        .route(SENDERS, post(add))
        .route(SEND_AGAIN, post(send_again))
        .route(REMOVE_SENDER, post(remove))
        .route(CONFIRM_SENDER, post(confirm))
        .route(ADD_SENDER_OF, post(add_for))
        .route(REMOVE_SENDER_OF, post(remove_for))
}

async fn add(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let mut form = SenderForm::default();
    let added = async {
        let actor = caller.signed_in()?;
        form = filled_in(request).await?;
        state.postern.senders().add(actor, &form.address).await
    };
    match added.await {
        Ok(sender) => flash::redirect(SENDERS, &Flash::SenderAsked(sender.address), &state.url),
        Err(refusal) => again_with(state, caller, SENDERS, form, refusal).await,
    }
}

async fn send_again(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let sent = async {
        let actor = caller.signed_in()?;
        let form: SenderIdForm = filled_in(request).await?;
        let senders = state.postern.senders();
        let mut sent = senders.send_again(actor, &form.id).await;
        if let Err(refusal) = &mut sent {
            // Beside no field: the form has a button and nothing else.
            *refusal = Refusal {
                retry_after: refusal.retry_after,
                ..Refusal::new(refusal.kind, refusal.text())
            };
        }
        sent
    };
    match sent.await {
        Ok(sender) => flash::redirect(SENDERS, &Flash::SenderAsked(sender.address), &state.url),
        Err(refusal) => again(state, caller, SENDERS, String::new(), refusal).await,
    }
}

async fn remove(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let removed = async {
        let actor = caller.signed_in()?;
        let form: SenderIdForm = filled_in(request).await?;
        state.postern.senders().remove(actor, &form.id).await
    };
    match removed.await {
        Ok(()) => flash::redirect(SENDERS, &Flash::SenderRemoved, &state.url),
        Err(refusal) => again(state, caller, SENDERS, String::new(), refusal).await,
    }
}

/// Confirms an address by a mailed link. Its holder may have no account.
async fn confirm(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let (form, arrived) = typed::<SenderLinkForm>(request).await;
    let confirmed = async {
        arrived?;
        let senders = state.postern.senders();
        senders.confirm(&form.token, &caller.origin).await
    };
    match confirmed.await {
        Ok(sender) => {
            let done = Flash::SenderConfirmed(sender.account, sender.address);
            flash::redirect(CONFIRM_SENDER, &done, &state.url)
        }
        Err(refusal) => {
            let path = link_path(CONFIRM_SENDER, &form.token);
            again(state, caller, &path, String::new(), refusal).await
        }
    }
}

async fn add_for(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let mut form = SenderForm::default();
    let added = async {
        let actor = caller.signed_in()?;
        form = filled_in(request).await?;
        let senders = state.postern.senders();
        senders.add_for(actor, &form.account, &form.address).await
    };
    let added = added.await;
    let path = match form.account.as_str() {
        "" => ACCOUNTS.to_owned(),
        id => account_path(id),
    };
    match added {
        Ok(sender) => flash::redirect(&path, &Flash::SenderAdded(sender.address), &state.url),
        Err(refusal) => again_with(state, caller, &path, form, refusal).await,
    }
}

async fn remove_for(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let mut path = ACCOUNTS.to_owned();
    let removed = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let EndOfAccount { account, id } = EndOfAccount::parse(&pairs)?;
        path = account_path(&account);
        let senders = state.postern.senders();
        senders.remove_for(actor, &account, &id).await
    };
    match removed.await {
        Ok(()) => flash::redirect(&path, &Flash::SenderRemoved, &state.url),
        Err(refusal) => again(state, caller, &path, String::new(), refusal).await,
    }
}
