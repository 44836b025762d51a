//! Asks the person of a session again before certain acts, unless confirmed within 10 minutes.
//!
//! Its form is not among those of `app`: the query of its URL names the page to continue at, and it belongs to the
//! middleware here.

use app::account::second_factor::{
    ADD_PASSKEY, RECOVERY_CODES, REMOVE_PASSKEY, REMOVE_SECOND_FACTOR, SET_UP, TURN_ON,
};
use app::account::{
    CONFIRM_IDENTITY, CONFIRMATION, CREATE_TOKEN, ConfirmIdentityForm, END_OTHER_SESSIONS,
    END_SESSION, WaitingForm,
};
use app::accounts::{
    ACCOUNTS, ADD_SENDER_OF, CHANGE_ACCOUNT, DELETE_ACCOUNT, END_SESSION_OF, INVITE_AGAIN, SESSIONS,
};
use app::audit::{EXPORT_AUDIT, EXPORT_FILE};
use app::domains::{ACTIVATE_DKIM_KEY, MAKE_DKIM_KEY, REMOVE_DKIM_KEY};
use app::entrance::LoginQuery;
use app::keys::{RETIRE_KEY, ROTATE_BROWSER_KEY, ROTATE_KEYS};
use app::limits::LIMITS;
use app::policy::{POLICY, POLICY_NETWORKS};
use app::webhooks::{
    CHANGE_OWN_WEBHOOK, CHANGE_WEBHOOK, OWN_WEBHOOK_SECRET, OWN_WEBHOOKS, REMOVE_OWN_WEBHOOK,
    REMOVE_WEBHOOK, WEBHOOK_SECRET, WEBHOOKS,
};
use app::{FormReply, with_query};
use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Query, Request, State};
use axum::http::header::{ACCEPT, CONTENT_LENGTH};
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{Method, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use domain::{Kind, Refusal, SecretString};
use engine::Actor;
use leptos::prelude::provide_context;
use url::form_urlencoded;

use crate::http::authentication::Caller;
use crate::http::body::{self, BODY_MAX};
use crate::http::forms::decode::filled_in;
use crate::http::forms::page::{again, page};
use crate::http::refusal_status::with_status;
use crate::http::refuse::refuse;
use crate::http::state::AppState;

/// What needs a sign-in or a confirmation within the last 10 minutes, by method and route. Of pages it is
/// those with nothing but a form of such an act: it asks before the form is filled in.
pub(super) const GUARDED: &[(&str, &str)] = &[
    ("GET", DELETE_ACCOUNT),
    ("GET", LIMITS),
    ("GET", EXPORT_AUDIT),
    ("GET", CHANGE_WEBHOOK),
    ("GET", REMOVE_WEBHOOK),
    ("GET", CHANGE_OWN_WEBHOOK),
    ("GET", REMOVE_OWN_WEBHOOK),
    ("GET", REMOVE_DKIM_KEY),
    ("POST", CREATE_TOKEN),
    ("POST", END_SESSION),
    ("POST", END_OTHER_SESSIONS),
    ("POST", SET_UP),
    ("POST", TURN_ON),
    ("POST", RECOVERY_CODES),
    ("POST", ADD_PASSKEY),
    ("POST", REMOVE_PASSKEY),
    ("POST", REMOVE_SECOND_FACTOR),
    ("POST", POLICY),
    ("POST", POLICY_NETWORKS),
    ("POST", ACCOUNTS),
    ("POST", CHANGE_ACCOUNT),
    ("POST", INVITE_AGAIN),
    ("POST", DELETE_ACCOUNT),
    ("POST", ADD_SENDER_OF),
    ("POST", SESSIONS),
    ("POST", END_SESSION_OF),
    ("POST", LIMITS),
    ("POST", WEBHOOKS),
    ("POST", CHANGE_WEBHOOK),
    ("POST", WEBHOOK_SECRET),
    ("POST", REMOVE_WEBHOOK),
    ("POST", OWN_WEBHOOKS),
    ("POST", CHANGE_OWN_WEBHOOK),
    ("POST", OWN_WEBHOOK_SECRET),
    ("POST", REMOVE_OWN_WEBHOOK),
    ("POST", MAKE_DKIM_KEY),
    ("POST", ACTIVATE_DKIM_KEY),
    ("POST", REMOVE_DKIM_KEY),
    ("POST", ROTATE_KEYS),
    ("POST", ROTATE_BROWSER_KEY),
    ("POST", RETIRE_KEY),
    ("POST", "/api/tokens"),
    ("PUT", "/api/tokens/{id}/limits"),
    ("PUT", "/api/policy"),
    ("PUT", "/api/policy/networks"),
    ("POST", "/api/accounts"),
    ("PATCH", "/api/accounts/{id}"),
    ("DELETE", "/api/accounts/{id}"),
    ("POST", "/api/accounts/{id}/senders"),
    ("DELETE", "/api/accounts/{id}/sessions"),
    ("DELETE", "/api/sessions/{id}"),
    ("PUT", "/api/accounts/{id}/limits"),
    ("POST", "/api/webhooks"),
    ("PATCH", "/api/webhooks/{id}"),
    ("DELETE", "/api/webhooks/{id}"),
    ("POST", "/api/webhooks/{id}/secret"),
    ("POST", "/api/message-webhooks"),
    ("PATCH", "/api/message-webhooks/{id}"),
    ("DELETE", "/api/message-webhooks/{id}"),
    ("POST", "/api/message-webhooks/{id}/secret"),
    ("POST", "/api/domains/{domain}/keys"),
    ("POST", "/api/domains/{domain}/keys/{id}/activate"),
    ("DELETE", "/api/domains/{domain}/keys/{id}"),
    ("POST", "/api/keys"),
    ("POST", "/api/keys/browser"),
    ("DELETE", "/api/keys/{id}"),
    ("GET", EXPORT_FILE),
];

/// The fields of their forms that are secrets. The page that asks does not contain them, so that the person
/// types them again.
const SECRETS: &[&str] = &["password", "current", "new", "code"];

pub fn router() -> Router<AppState> {
    Router::new().route(CONFIRM_IDENTITY, post(confirm))
}

/// Confirms the session, and continues at the page that the query names.
async fn confirm(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let Query(query) = Query::<LoginQuery>::try_from_uri(request.uri()).unwrap_or_default();
    let here = request.uri().path_and_query();
    let here = here.map_or_else(|| CONFIRM_IDENTITY.to_owned(), ToString::to_string);
    let confirmed = async {
        let actor = caller.signed_in()?;
        let form: ConfirmIdentityForm = filled_in(request).await?;
        let answer = SecretString::new(form.confirmation);
        state.postern.accounts().confirm(actor, answer).await
    };
    match confirmed.await {
        Ok(()) => Redirect::to(query.next()).into_response(),
        Err(refusal) => again(state, caller, &here, String::new(), refusal).await,
    }
}

/// Refuses what is in [`GUARDED`] to a session that was not confirmed recently. A page redirects to the one
/// that asks, which continues there; a file that a browser downloads, to the one that asks before its page. A form
/// is answered with the page that asks, which posts the form again with the answer: it is carried out once that is
/// right.
pub(super) async fn check(state: &AppState, request: Request) -> Result<Request, Response> {
    if !is_guarded(&request) {
        return Ok(request);
    }
    let caller = request.extensions().get::<Caller>().cloned();
    let actor = caller.as_ref().and_then(|caller| caller.actor.clone());
    let (Some(caller), Some(actor)) = (caller, actor) else {
        return Ok(request);
    };
    if request.uri().path().starts_with("/api/") {
        return match state.postern.accounts().recently_confirmed(&actor) {
            Ok(()) => Ok(request),
            Err(refusal) => Err(match page_of_download(&request) {
                Some(page) => Redirect::to(&asks_before(&page)).into_response(),
                None => refuse(request.uri(), refusal),
            }),
        };
    }
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return match state.postern.accounts().recently_confirmed(&actor) {
            Ok(()) => Ok(request),
            Err(_) => Err(Redirect::to(&asks_before(request.uri())).into_response()),
        };
    }
    let (parts, body) = request.into_parts();
    let form = match body::read(body, BODY_MAX).await {
        Ok(bytes) => PostedForm::parse(&bytes),
        Err(refusal) => return Err(refuse(&parts.uri, refusal)),
    };
    match confirmed(state, &actor, form.answer).await {
        Ok(()) => Ok(with_fields(parts, &form.fields)),
        Err(refusal) => {
            let (state, action) = (state.clone(), parts.uri.path().to_owned());
            Err(ask(state, caller, action, form.fields, &refusal).await)
        }
    }
}

/// The page that asks, and continues at this page.
fn asks_before(page: &Uri) -> String {
    let next = page.path_and_query().map_or("/", PathAndQuery::as_str);
    with_query(CONFIRM_IDENTITY, [("next", next)])
}

/// The page whose form downloads the file that a browser asks for; `None` of other requests. A browser accepts HTML
/// where it shows the answer, and a program that calls REST does not ask for it.
fn page_of_download(request: &Request) -> Option<Uri> {
    let accepted = request.headers().get(ACCEPT)?.to_str().ok()?;
    if request.uri().path() != EXPORT_FILE || !accepted.contains("text/html") {
        return None;
    }
    let query = request.uri().query().unwrap_or_default();
    let query = form_urlencoded::parse(query.as_bytes()).into_owned();
    let criteria: Vec<(String, String)> = query.filter(|(name, _)| name != "format").collect();
    let criteria = criteria.iter().map(|(name, value)| (name.as_str(), value));
    with_query(EXPORT_AUDIT, criteria).parse().ok()
}

fn is_guarded(request: &Request) -> bool {
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("", MatchedPath::as_str);
    // HEAD runs what GET does.
    let method = match *request.method() {
        Method::HEAD => "GET",
        ref method => method.as_str(),
    };
    // By their route first: the methods are few, and nearly every route differs in its length.
    GUARDED
        .iter()
        .any(|(guarded, path)| *path == route && *guarded == method)
}

/// Checks the answer, or without one that the session was confirmed recently.
async fn confirmed(state: &AppState, actor: &Actor, answer: Option<String>) -> Result<(), Refusal> {
    let accounts = state.postern.accounts();
    match answer {
        Some(answer) => accounts.confirm(actor, SecretString::new(answer)).await,
        None => accounts.recently_confirmed(actor),
    }
}

/// The fields of a form, and the answer of the page that asks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PostedForm {
    pub fields: Vec<(String, String)>,
    pub answer: Option<String>,
}

impl PostedForm {
    pub fn parse(body: &[u8]) -> Self {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body).into_owned() {
            match name == CONFIRMATION {
                true => form.answer = Some(value),
                false => form.fields.push((name, value)),
            }
        }
        form
    }
}

/// The request with these fields as its form.
fn with_fields(mut parts: Parts, fields: &[(String, String)]) -> Request {
    let mut form = form_urlencoded::Serializer::new(String::new());
    let body = form.extend_pairs(fields).finish();
    parts.headers.insert(CONTENT_LENGTH, body.len().into());
    Request::from_parts(parts, Body::from(body))
}

/// The page that asks. It has the fields of the form, but for the secrets.
async fn ask(
    state: AppState,
    caller: Caller,
    action: String,
    mut fields: Vec<(String, String)>,
    refusal: &Refusal,
) -> Response {
    fields.retain(|(name, _)| !SECRETS.contains(&name.as_str()));
    let waiting = WaitingForm { action, fields };
    // The first time there is no fault to show: nothing was answered yet.
    let reply = (refusal.kind != Kind::Forbidden).then(|| FormReply {
        refusal: refusal.clone(),
        email: String::new(),
    });
    let more = move || {
        provide_context(waiting.clone());
        if let Some(reply) = &reply {
            provide_context(reply.clone());
        }
    };
    with_status(page(state, caller, CONFIRM_IDENTITY, more).await, refusal)
}
