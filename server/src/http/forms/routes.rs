//! Mounts the forms of the console: reads what was posted, and responds as their handlers answer.

use app::{FormAnswer, FormRequest, FormRoute, form_routes};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;

use super::decode::decode;
use super::page::page;
use crate::http::authentication::Caller;
use crate::http::body::{BODY_MAX, FORM_MAX};
use crate::http::cookies::flash;
use crate::http::refusal_status::with_status;
use crate::http::state::AppState;

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

#[cfg(test)]
mod tests {
    use app::entrance::RESET;
    use app::relays::RELAYS;
    use axum::http::StatusCode;

    use super::*;
    use crate::http::test_browser::{FORM, TestBrowser};

    #[tokio::test]
    async fn a_form_is_read_with_a_session_only() {
        let mut browser = TestBrowser::signed_in().await;
        let body = |length| format!("unknown={}", "x".repeat(length));
        for (media_type, length, status) in [
            (FORM, 1, StatusCode::UNPROCESSABLE_ENTITY),
            (FORM, FORM_MAX, StatusCode::UNPROCESSABLE_ENTITY),
            (FORM, BODY_MAX, StatusCode::PAYLOAD_TOO_LARGE),
            ("application/json", 1, StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ] {
            let answer = browser.send("POST", RELAYS, media_type, body(length));
            assert_eq!(answer.await.status, status, "{media_type} {length}");
        }
        browser.cookie = String::new();
        for length in [1, BODY_MAX] {
            let answer = browser.send("POST", RELAYS, FORM, body(length)).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{length}");
        }
    }

    #[tokio::test]
    async fn an_open_form_needs_no_session_and_is_small() {
        let mut browser = TestBrowser::signed_in().await;
        browser.cookie = String::new();
        for (length, status) in [
            (1, StatusCode::BAD_REQUEST),
            (FORM_MAX, StatusCode::PAYLOAD_TOO_LARGE),
        ] {
            let body = format!("unknown={}", "x".repeat(length));
            let answer = browser.send("POST", RESET, FORM, body).await;
            assert_eq!(answer.status, status, "{length}");
        }
    }
}
