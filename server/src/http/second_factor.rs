//! Form posts about the second factor of one's own account.

use app::Flash;
use app::account::ACCOUNT;
use app::account::second_factor::{
    ADD_PASSKEY, AddPasskeyForm, EmptyForm, NewRecoveryCodes, RECOVERY_CODES, REMOVE_PASSKEY,
    REMOVE_SECOND_FACTOR, RemovePasskeyForm, SECOND_FACTOR, SET_UP, TURN_ON, TurnOnForm,
};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use domain::{Refusal, SecretString};
use leptos::prelude::provide_context;

use super::authentication::Caller;
use super::flash;
use super::forms::{again, again_with, filled_in, page};
use super::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new()
        .route(SET_UP, post(set_up))
        .route(TURN_ON, post(turn_on))
        .route(RECOVERY_CODES, post(new_recovery_codes))
        .route(ADD_PASSKEY, post(add_passkey))
        .route(REMOVE_PASSKEY, post(remove_passkey))
        .route(REMOVE_SECOND_FACTOR, post(remove))
}

/// Generates a secret, which the page shows.
async fn set_up(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let proposed = async {
        let actor = caller.signed_in()?;
        let EmptyForm {} = filled_in(request).await?;
        state.postern.accounts().propose_totp(actor).await
    };
    match proposed.await {
        Ok(()) => Redirect::to(SECOND_FACTOR).into_response(),
        Err(refusal) => again(state, caller, SECOND_FACTOR, String::new(), refusal).await,
    }
}

async fn turn_on(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let turned_on = async {
        let actor = caller.signed_in()?;
        let form: TurnOnForm = filled_in(request).await?;
        let code = SecretString::new(form.code);
        state.postern.accounts().confirm_totp(actor, code).await
    };
    let turned_on = turned_on.await;
    recovery_codes(state, caller, turned_on).await
}

async fn new_recovery_codes(
    State(state): State<AppState>,
    caller: Caller,
    request: Request,
) -> Response {
    let created = async {
        let actor = caller.signed_in()?;
        let EmptyForm {} = filled_in(request).await?;
        state.postern.accounts().new_recovery_codes(actor).await
    };
    let created = created.await;
    recovery_codes(state, caller, created).await
}

/// The page that answers is the only one that shows the codes.
async fn recovery_codes(
    state: AppState,
    caller: Caller,
    created: Result<Vec<String>, Refusal>,
) -> Response {
    match created {
        Ok(codes) => {
            let codes = NewRecoveryCodes(codes);
            page(state, caller, SECOND_FACTOR, move || {
                provide_context(codes.clone());
            })
            .await
        }
        Err(refusal) => again(state, caller, SECOND_FACTOR, String::new(), refusal).await,
    }
}

/// Adds a passkey. With the first second factor, the page that answers shows the recovery codes.
async fn add_passkey(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let form = match caller.signed_in() {
        Ok(_) => filled_in::<AddPasskeyForm>(request).await,
        Err(refusal) => Err(refusal),
    };
    let (form, arrived) = match form {
        Ok(form) => (form, Ok(())),
        Err(refusal) => (AddPasskeyForm::default(), Err(refusal)),
    };
    let added = async {
        arrived?;
        let actor = caller.signed_in()?;
        let accounts = state.postern.accounts();
        accounts.add_passkey(actor, &form.name, &form.passkey).await
    };
    match added.await {
        Ok(Some(codes)) => recovery_codes(state, caller, Ok(codes)).await,
        Ok(None) => flash::redirect(SECOND_FACTOR, &Flash::PasskeyAdded, &state.url),
        Err(refusal) => again_with(state, caller, SECOND_FACTOR, form, refusal).await,
    }
}

async fn remove_passkey(
    State(state): State<AppState>,
    caller: Caller,
    request: Request,
) -> Response {
    let removed = async {
        let actor = caller.signed_in()?;
        let form: RemovePasskeyForm = filled_in(request).await?;
        state
            .postern
            .accounts()
            .remove_passkey(actor, &form.id)
            .await
    };
    match removed.await {
        Ok(()) => flash::redirect(SECOND_FACTOR, &Flash::PasskeyRemoved, &state.url),
        Err(refusal) => again(state, caller, SECOND_FACTOR, String::new(), refusal).await,
    }
}

async fn remove(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let removed = async {
        let actor = caller.signed_in()?;
        let EmptyForm {} = filled_in(request).await?;
        let accounts = state.postern.accounts();
        accounts.remove_own_second_factor(actor).await
    };
    match removed.await {
        Ok(()) => flash::redirect(ACCOUNT, &Flash::SecondFactorRemoved, &state.url),
        Err(refusal) => again(state, caller, SECOND_FACTOR, String::new(), refusal).await,
    }
}
