//! A list of sessions with a button that ends each, of the own account or of another.

use domain::account::SessionView;

use super::user_agent;
use crate::components::{HiddenFields, Time};
use crate::server_prelude::*;

/// `action` is the form that ends one; `fields` are sent with its id.
#[component]
pub fn SessionList(
    sessions: Vec<SessionView>,
    action: &'static str,
    #[prop(optional)] fields: Vec<(&'static str, String)>,
) -> AnyView {
    let number = count(sessions.len());
    if sessions.is_empty() {
        return view! { <p class="card-body">{number}</p> }.into_any();
    }
    let rows = sessions
        .into_iter()
        .map(|session| view! { <Session session action fields=fields.clone() /> });
    view! {
        <p class="card-body">{number}</p>
        <ul class="card-body sessions">{rows.collect_view()}</ul>
    }
    .into_any()
}

/// The number of sessions, which the engine limits.
fn count(sessions: usize) -> String {
    match sessions {
        1 => "1 session".to_owned(),
        number => format!("{number} sessions"),
    }
}

#[component]
fn Session(
    session: SessionView,
    action: &'static str,
    fields: Vec<(&'static str, String)>,
) -> AnyView {
    let named = match user_agent::name(&session.browser) {
        name if name.is_empty() => "A program without a User-Agent".to_owned(),
        name => name,
    };
    let mut fields = fields;
    fields.push(("id", session.id));
    let end = (!session.current).then(|| {
        view! {
            <form method="post" action=action>
                <HiddenFields fields />
                <button
                    class="button button-danger button-small"
                    type="submit"
                    aria-label=format!("End the session in {} from {}", named, session.from)
                >
                    "End"
                </button>
            </form>
        }
    });
    view! {
        <li class="session">
            <div class="session-info">
                <strong>
                    {named}
                    {session
                        .current
                        .then(|| view! { <span class="badge badge-good">"This session"</span> })}
                </strong>
                <span>
                    "From " {session.from} ", since " <Time at=session.begun />
                    ", last used " <Time at=session.last_used />
                </span>
            </div>
            {end}
        </li>
    }
    .into_any()
}
