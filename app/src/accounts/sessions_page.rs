//! The page that lists the sessions of all accounts, with buttons that end them.

use domain::account::session::{SESSION_IDLE, SESSION_LIFETIME};
use domain::timestamp::in_words;
use domain::{Fields, Refusal};
use engine::{AccountSession, AllSessions, Postern};

use super::{ACCOUNTS, SESSIONS, account_path};
use crate::account::browser_name;
use crate::components::{ErrorNotice, HiddenFields, SearchField, SuccessNotice, Time, refused};
use crate::flash::{Flash, flash};
use crate::layout::console_page;
use crate::request::{other_fault, queries};
use crate::server_prelude::*;

#[component]
pub fn SessionsPage() -> impl IntoView {
    console_page("Sessions", |actor| {
        let postern = expect_context::<Postern>();
        let fault = other_fault(&[]);
        let done = flash().and_then(done);
        let search = search(&queries());
        Suspend::new(async move {
            let search = match search {
                Ok(search) => search,
                Err(refusal) => return refused(&refusal),
            };
            let list = match postern.accounts().all_sessions(&actor, &search).await {
                Ok(list) => list,
                Err(refusal) => return refused(&refusal),
            };
            view! {
                <div class="page">
                    <header class="page-head outbox-head">
                        <a class="page-back" href=ACCOUNTS>
                            "Accounts"
                        </a>
                        <h1>"Sessions"</h1>
                        <p>
                            "Where people are signed in. A session ends by itself after "
                            {in_words(SESSION_IDLE)} " without use, and after "
                            {in_words(SESSION_LIFETIME)} " in all."
                        </p>
                    </header>
                    {fault.map(|text| view! { <ErrorNotice text /> })}
                    {done.map(|text| view! { <SuccessNotice text /> })}
                    <SessionSearch search=search.clone() />
                    <Listed list is_search=!search.is_empty() />
                </div>
            }
            .into_any()
        })
    })
}

/// The text that addresses of accounts contain.
fn search(query: &[(String, String)]) -> Result<String, Refusal> {
    Fields::of(query).read(|fields| fields.take("address").unwrap_or_default().trim().to_owned())
}

/// What the form before this page did, if it leads here.
fn done(flash: Flash) -> Option<String> {
    match flash {
        Flash::SessionEnded => Some("The session is ended.".to_owned()),
        Flash::SessionsEnded(0) => Some("There was no other session.".to_owned()),
        Flash::SessionsEnded(1) => Some("1 session is ended.".to_owned()),
        Flash::SessionsEnded(number) => Some(format!("{number} sessions are ended.")),
        _ => None,
    }
}

#[component]
fn SessionSearch(search: String) -> AnyView {
    let clear = (!search.is_empty())
        .then(|| view! { <a class="button button-quiet" href=SESSIONS>"Clear"</a> });
    view! {
        <form
            class="card search-form"
            method="get"
            action=SESSIONS
            role="search"
            aria-label="Sessions"
        >
            <div class="search-line">
                <SearchField name="address" label="Account contains" value=search />
                <div class="buttons">
                    <button class="button button-primary" type="submit">
                        "Search"
                    </button>
                    {clear}
                </div>
            </div>
        </form>
    }
    .into_any()
}

#[component]
fn Listed(list: AllSessions, is_search: bool) -> AnyView {
    if list.sessions.is_empty() {
        let text = match is_search {
            true => "No account with such an address is signed in.",
            false => "Nobody is signed in.",
        };
        return view! { <p class="card mail-empty">{text}</p> }.into_any();
    }
    let more = list.more.then(|| {
        view! {
            <p class="field-hint">
                "These are the 200 that were used last; search to see others."
            </p>
        }
    });
    let rows = list
        .sessions
        .into_iter()
        .map(|listed| view! { <Row listed /> });
    view! {
        <ul class="card suppressions">{rows.collect_view()}</ul>
        {more}
    }
    .into_any()
}

#[component]
fn Row(listed: AccountSession) -> AnyView {
    let AccountSession { account, session } = listed;
    let browser = match browser_name(&session.browser) {
        name if name.is_empty() => "A program without a User-Agent".to_owned(),
        name => name,
    };
    let own = session
        .current
        .then(|| view! { <span class="badge badge-good">"This session"</span> });
    let end = (!session.current).then(|| {
        let label = format!(
            "End the session of {} in {browser} from {}",
            account.email, session.from
        );
        let field = ("id", session.id.clone());
        view! { <EndButton text="End" label field /> }
    });
    let all = match session.current {
        true => "End the others",
        false => "End all",
    };
    let label = format!("{all} of {}", account.email);
    let field = ("account", account.id.clone());
    view! {
        <li>
            <div class="suppression-info">
                <strong class="relay-name">
                    <a href=account_path(&account.id)>{account.email.clone()}</a>
                    {own}
                </strong>
                <span class="mail-detail">
                    {browser.clone()} " from " {session.from.clone()} ", since "
                    <Time at=session.begun /> ", last used " <Time at=session.last_used />
                </span>
            </div>
            <div class="actions">
                {end} <EndButton text=all label field />
            </div>
        </li>
    }
    .into_any()
}

/// A form that ends the session, or the sessions of the account, in its field.
#[component]
fn EndButton(text: &'static str, label: String, field: (&'static str, String)) -> AnyView {
    view! {
        <form method="post" action=SESSIONS>
            <HiddenFields fields=vec![field] />
            <button class="button button-danger button-small" type="submit" aria-label=label>
                {text}
            </button>
        </form>
    }
    .into_any()
}
