//! Form posts about accounts of others: add, change, invite again, delete; sessions and tokens end.

use app::accounts::{
    ACCOUNTS, AccountChangeRequest, AddRequest, CHANGE_ACCOUNT, DELETE_ACCOUNT, END_SESSION_OF,
    EndOfAccount, EndedSessions, HandedLink, INVITE_AGAIN, REVOKE_TOKEN_OF, SESSIONS, TypedAccount,
    account_path,
};
use app::{Flash, only_id, with_query};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use domain::Refusal;
use engine::{Invited, LinkDelivery};
use leptos::prelude::provide_context;

use super::authentication::Caller;
use super::flash;
use super::forms::{again, again_with, filled_in, page};
use super::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new()
        .route(ACCOUNTS, post(add))
        .route(CHANGE_ACCOUNT, post(change))
        .route(INVITE_AGAIN, post(invite_again))
        .route(DELETE_ACCOUNT, post(delete))
        .route(SESSIONS, post(end_sessions))
        .route(END_SESSION_OF, post(end_session))
        .route(REVOKE_TOKEN_OF, post(revoke_token))
}

/// What the form that adds an account did.
enum Added {
    Created { id: String, email: String },
    Invited(Invited),
}

/// Creates an account with a password, or invites its person without one.
async fn add(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let mut typed = TypedAccount::default();
    let added = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        typed = typed_account(&pairs);
        let AddRequest {
            email,
            role,
            password,
        } = AddRequest::parse(&pairs)?;
        Ok::<_, Refusal>(match password {
            Some(password) => {
                let accounts = state.postern.accounts();
                let account = accounts.create(actor, &email, role, password).await?;
                Added::Created {
                    id: account.id,
                    email: account.email,
                }
            }
            None => {
                let mail = state.postern.account_mail();
                Added::Invited(mail.invite(actor, &email, role).await?)
            }
        })
    };
    match added.await {
        Ok(Added::Created { id, email }) => flash::redirect(
            &account_path(&id),
            &Flash::AccountCreated(email),
            &state.url,
        ),
        Ok(Added::Invited(invited)) => show_invited(state, caller, invited).await,
        Err(refusal) => again_with(state, caller, ACCOUNTS, typed, refusal).await,
    }
}

/// What was typed, without the password.
fn typed_account(pairs: &[(String, String)]) -> TypedAccount {
    let value = |name| {
        let found = pairs.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    TypedAccount {
        email: value("email"),
        role: value("role"),
    }
}

/// The page of an account whose person was invited. A link that was not mailed is shown in this answer
/// alone.
async fn show_invited(state: AppState, caller: Caller, invited: Invited) -> Response {
    let path = account_path(&invited.id);
    match invited.delivery {
        LinkDelivery::Mailed => {
            flash::redirect(&path, &Flash::AccountInvited(invited.email), &state.url)
        }
        LinkDelivery::HandOver { link, reason } => {
            let handed = HandedLink { link, reason };
            page(state, caller, &path, move || {
                provide_context(handed.clone());
            })
            .await
        }
    }
}

async fn change(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let mut path = ACCOUNTS.to_owned();
    let changed = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let AccountChangeRequest { id, change } = AccountChangeRequest::parse(&pairs)?;
        path = account_path(&id);
        let account = state.postern.accounts().change(actor, &id, change).await?;
        Ok::<_, Refusal>(match change.disabled {
            Some(true) => Flash::AccountDisabled(account.email),
            Some(false) => Flash::AccountEnabled(account.email),
            None => Flash::AccountChanged(account.email),
        })
    };
    match changed.await {
        Ok(done) => flash::redirect(&path, &done, &state.url),
        Err(refusal) => again(state, caller, &path, String::new(), refusal).await,
    }
}

async fn invite_again(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let mut path = ACCOUNTS.to_owned();
    let invited = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let id = only_id(&pairs)?;
        path = account_path(&id);
        state.postern.account_mail().invite_again(actor, &id).await
    };
    match invited.await {
        Ok(invited) => show_invited(state, caller, invited).await,
        Err(refusal) => again(state, caller, &path, String::new(), refusal).await,
    }
}

async fn delete(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let mut path = ACCOUNTS.to_owned();
    let deleted = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let id = only_id(&pairs)?;
        path = with_query(DELETE_ACCOUNT, [("id", &id)]);
        let accounts = state.postern.accounts();
        let email = accounts.read(actor, &id).await?.email;
        accounts.delete(actor, &id).await?;
        Ok::<_, Refusal>(email)
    };
    match deleted.await {
        Ok(email) => flash::redirect(ACCOUNTS, &Flash::AccountDeleted(email), &state.url),
        Err(refusal) => again(state, caller, &path, String::new(), refusal).await,
    }
}

/// Ends one of the sessions of all accounts, or all of an account.
async fn end_sessions(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let ended = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let accounts = state.postern.accounts();
        Ok::<_, Refusal>(match EndedSessions::parse(&pairs)? {
            EndedSessions::One(id) => {
                accounts.end_any_session(actor, &id).await?;
                Flash::SessionEnded
            }
            EndedSessions::OfAccount(id) => {
                Flash::SessionsEnded(accounts.end_sessions_of(actor, &id).await?)
            }
        })
    };
    match ended.await {
        Ok(done) => flash::redirect(SESSIONS, &done, &state.url),
        Err(refusal) => again(state, caller, SESSIONS, String::new(), refusal).await,
    }
}

async fn end_session(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let mut path = ACCOUNTS.to_owned();
    let ended = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let EndOfAccount { account, id } = EndOfAccount::parse(&pairs)?;
        path = account_path(&account);
        let accounts = state.postern.accounts();
        accounts.end_session_of(actor, &account, &id).await
    };
    match ended.await {
        Ok(()) => flash::redirect(&path, &Flash::SessionEnded, &state.url),
        Err(refusal) => again(state, caller, &path, String::new(), refusal).await,
    }
}

async fn revoke_token(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let mut path = ACCOUNTS.to_owned();
    let revoked = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let EndOfAccount { account, id } = EndOfAccount::parse(&pairs)?;
        path = account_path(&account);
        let accounts = state.postern.accounts();
        accounts.revoke_token(actor, &id).await
    };
    match revoked.await {
        Ok(()) => flash::redirect(&path, &Flash::TokenRevoked, &state.url),
        Err(refusal) => again(state, caller, &path, String::new(), refusal).await,
    }
}
