//! Mounts the forms of the console: reads what was posted, and responds as their handlers answer.

use app::{FormAnswer, FormRequest, FormRoute, form_routes};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;

use super::authentication::Caller;
use super::body::{BODY_MAX, FORM_MAX};
use super::flash;
use super::forms::{decode, page};
use super::refuse::with_status;
use super::state::AppState;

pub fn router() -> Router<AppState> {
    form_routes()
        .into_iter()
        .fold(Router::new(), |router, route| {
            let path = route.path;
            let handler = move |State(state): State<AppState>, caller: Caller, request: Request| {
                respond(route.clone(), state, caller, request)
            };
            router.route(path, post(handler))
        })
}

/// Handles a form. The body of a form that needs a session is not read without one.
async fn respond(route: FormRoute, state: AppState, caller: Caller, request: Request) -> Response {
    let actor = caller.signed_in().cloned();
    let fields = match (&actor, route.is_open) {
        (_, true) => decode(request, FORM_MAX).await,
        (Ok(_), false) => decode(request, BODY_MAX).await,
        (Err(refusal), false) => Err(refusal.clone()),
    };
    let postern = state.postern.clone();
    let posted = FormRequest::new(postern, caller.origin.clone(), actor, fields);
    match route.handle(posted).await {
        FormAnswer::Redirect {
            next,
            flash: Some(flash),
        } => flash::redirect(&next, &flash, &state.url),
        FormAnswer::Redirect { next, flash: None } => Redirect::to(&next).into_response(),
        FormAnswer::Page {
            path,
            context,
            refusal,
        } => {
            let page = page(state, caller, &path, move || {
                context();
            })
            .await;
            match refusal {
                Some(refusal) => with_status(page, &refusal),
                None => page,
            }
        }
    }
}
