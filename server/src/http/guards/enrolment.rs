//! Leads administrators without the second factor that the policy requires to its set-up.

use app::account::CONFIRM_IDENTITY;
use app::account::second_factor::{ADD_PASSKEY, SECOND_FACTOR, SET_UP, TURN_ON};
use app::entrance::LOGOUT;
use axum::extract::Request;
use axum::response::{IntoResponse, Redirect, Response};
use domain::{Kind, Refusal};

use crate::http::authentication::Caller;
use crate::http::refuse::{RequestedInterface, refuse, refuse_unread};
use crate::http::state::AppState;

/// What such an administrator can do: set one up, and sign out.
const OPEN: &[&str] = &[
    SECOND_FACTOR,
    SET_UP,
    TURN_ON,
    ADD_PASSKEY,
    CONFIRM_IDENTITY,
    LOGOUT,
];

/// Redirects pages and forms to the set-up, and refuses REST and server functions with the reason. Tokens are
/// not asked.
pub(super) async fn check(state: &AppState, request: Request) -> Result<Request, Response> {
    let caller = request.extensions().get::<Caller>();
    let path = request.uri().path();
    let Some(actor) = caller.and_then(|caller| caller.actor.as_ref()) else {
        return Ok(request);
    };
    if OPEN.contains(&path) {
        return Ok(request);
    }
    match state.postern.accounts().lacks_required_factor(actor).await {
        Ok(false) => Ok(request),
        Ok(true) if RequestedInterface::of(path) != RequestedInterface::Page => {
            let text = "Your organisation requires a second factor of administrators. Set it up in \
                        the browser: open /account/second-factor.";
            Err(refuse_unread(&request, Refusal::new(Kind::Forbidden, text)))
        }
        Ok(true) => Err(Redirect::to(SECOND_FACTOR).into_response()),
        Err(refusal) => Err(refuse(request.uri(), refusal)),
    }
}
