//! Form posts of DKIM keys: make, activate, remove.

use app::domains::{
    ACTIVATE_DKIM_KEY, DOMAINS, DkimKeyActivation, DkimKeyId, MAKE_DKIM_KEY, NewDkimKeyForm,
    REMOVE_DKIM_KEY, domain_path, typed_domain_path,
};
use app::{Flash, with_query};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use domain::Refusal;
use engine::DkimActivation;

use super::authentication::Caller;
use super::flash;
use super::forms::{again, filled_in};
use super::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new()
        .route(MAKE_DKIM_KEY, post(make))
        .route(ACTIVATE_DKIM_KEY, post(activate))
        .route(REMOVE_DKIM_KEY, post(remove))
}

async fn make(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let mut path = DOMAINS.to_owned();
    let made = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let form = NewDkimKeyForm::parse(&pairs)?;
        path = typed_domain_path(&form.domain);
        let domains = state.postern.domains();
        let made = domains.create_key(actor, &form.domain, form.algorithm);
        made.await
    };
    match made.await {
        Ok(key) => {
            let done = Flash::DkimKeyMade(key.selector);
            flash::redirect(&domain_path(&key.domain), &done, &state.url)
        }
        Err(refusal) => again(state, caller, &path, String::new(), refusal).await,
    }
}

async fn activate(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let mut path = DOMAINS.to_owned();
    let activated = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let form = DkimKeyActivation::parse(&pairs)?;
        let DkimKeyId { domain, id } = form.key;
        path = typed_domain_path(&domain);
        let activation = match form.anyway {
            true => DkimActivation::Anyway,
            false => DkimActivation::WhenPublished,
        };
        let domains = state.postern.domains();
        domains.activate_key(actor, &domain, &id, activation).await
    };
    match activated.await {
        Ok(key) => {
            let done = Flash::DkimKeyActivated(key.selector);
            flash::redirect(&domain_path(&key.domain), &done, &state.url)
        }
        Err(refusal) => again(state, caller, &path, String::new(), refusal).await,
    }
}

async fn remove(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let mut path = DOMAINS.to_owned();
    let removed = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let DkimKeyId { domain, id } = DkimKeyId::parse(&pairs)?;
        path = with_query(REMOVE_DKIM_KEY, [("domain", &domain), ("id", &id)]);
        let domains = state.postern.domains();
        let removed = domains.remove_key(actor, &domain, &id).await?;
        Ok::<_, Refusal>(removed)
    };
    match removed.await {
        Ok(key) => {
            let done = Flash::DkimKeyRemoved(key.selector);
            flash::redirect(&domain_path(&key.domain), &done, &state.url)
        }
        Err(refusal) => again(state, caller, &path, String::new(), refusal).await,
    }
}
