//! The form post that changes the limits of an account or of a token.

use app::Flash;
use app::accounts::{ACCOUNTS, account_path};
use app::limits::{LIMITS, LimitsRequest, LimitsTarget, TypedLimits};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use domain::Refusal;

use super::authentication::Caller;
use super::flash;
use super::forms::{again_with, filled_in};
use super::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new().route(LIMITS, post(save))
}

async fn save(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let mut path = ACCOUNTS.to_owned();
    let mut typed = TypedLimits::default();
    let saved = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        typed = TypedLimits::of(&pairs);
        let known = pairs
            .iter()
            .filter(|(name, _)| name == "account" || name == "token");
        let known: Vec<(String, String)> = known.cloned().collect();
        path = LimitsTarget::parse(&known)?.path();
        let LimitsRequest { target, limits } = LimitsRequest::parse(&pairs)?;
        let (accounts, service) = (state.postern.accounts(), state.postern.limits());
        Ok::<_, Refusal>(match &target {
            LimitsTarget::Account(id) => {
                service.set_of_account(actor, id, limits).await?;
                let account = accounts.read(actor, id).await?;
                (account.id, account.email)
            }
            LimitsTarget::Token(id) => {
                service.set_of_token(actor, id, limits).await?;
                let token = accounts.token(actor, id).await?;
                (token.account.id, token.name)
            }
        })
    };
    match saved.await {
        Ok((account, name)) => flash::redirect(
            &account_path(&account),
            &Flash::LimitsChanged(name),
            &state.url,
        ),
        Err(refusal) => again_with(state, caller, &path, typed, refusal).await,
    }
}
