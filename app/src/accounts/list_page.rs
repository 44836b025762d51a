//! The page that lists the accounts.

use domain::account::{AccountState, AccountView};
use domain::{Fields, Refusal};
use engine::{AccountList, Postern};

use super::add_form::{ADDED, AddAccount};
use super::format::{account_badge, role_name};
use super::{ACCOUNTS, SESSIONS, account_path};
use crate::components::{ErrorNotice, SearchField, SuccessNotice, Time, refused};
use crate::flash::{Flash, flash};
use crate::layout::console_page;
use crate::request::{other_fault, queries};
use crate::server_prelude::*;

#[component]
pub fn AccountsPage() -> impl IntoView {
    console_page("Accounts", |actor| {
        let postern = expect_context::<Postern>();
        let fault = other_fault(&ADDED);
        let done = flash().and_then(done);
        let search = search(&queries());
        Suspend::new(async move {
            let search = match search {
                Ok(search) => search,
                Err(refusal) => return refused(&refusal),
            };
            let listed = postern.accounts().list(&actor, &search).await;
            let (list, outage) = match (listed, postern.account_mail().outage().await) {
                (Ok(list), Ok(outage)) => (list, outage),
                (Err(refusal), _) | (_, Err(refusal)) => return refused(&refusal),
            };
            view! {
                <div class="page">
                    <header class="page-head">
                        <h1>"Accounts"</h1>
                        <p>"The people who may sign in, and what applications act as."</p>
                        <div class="buttons">
                            <a class="button button-secondary" href=SESSIONS>
                                "All sessions"
                            </a>
                        </div>
                    </header>
                    {fault.map(|text| view! { <ErrorNotice text /> })}
                    {done.map(|text| view! { <SuccessNotice text /> })}
                    <SearchForm search=search.clone() shown=list.accounts.len() />
                    <Listed list is_search=!search.is_empty() />
                    <AddAccount outage />
                </div>
            }
            .into_any()
        })
    })
}

/// What is searched for.
fn search(query: &[(String, String)]) -> Result<String, Refusal> {
    Fields::of(query).read(|fields| fields.take("address").unwrap_or_default().trim().to_owned())
}

/// What the form before this page did, if it leads here.
fn done(flash: Flash) -> Option<String> {
    match flash {
        Flash::AccountDeleted(email) => Some(format!("{email} is deleted.")),
        _ => None,
    }
}

/// How many accounts are listed without a search form.
const FEW: usize = 10;

#[component]
fn SearchForm(search: String, shown: usize) -> Option<AnyView> {
    if search.is_empty() && shown <= FEW {
        return None;
    }
    let clear = (!search.is_empty())
        .then(|| view! { <a class="button button-quiet" href=ACCOUNTS>"Clear"</a> });
    Some(
        view! {
            <form
                class="card search-form"
                method="get"
                action=ACCOUNTS
                role="search"
                aria-label="Accounts"
            >
                <div class="search-line">
                    <SearchField name="address" label="Address contains" value=search />
                    <div class="buttons">
                        <button class="button button-primary" type="submit">
                            "Search"
                        </button>
                        {clear}
                    </div>
                </div>
            </form>
        }
        .into_any(),
    )
}

#[component]
fn Listed(list: AccountList, is_search: bool) -> AnyView {
    if list.accounts.is_empty() {
        let text = match is_search {
            true => "No address of an account contains this.",
            false => "There is no account.",
        };
        return view! { <p class="card mail-empty">{text}</p> }.into_any();
    }
    let more = list.more.then(|| {
        view! { <p class="field-hint">"These are the first 200; search to see others."</p> }
    });
    let rows = list
        .accounts
        .into_iter()
        .map(|account| view! { <Row account /> });
    view! {
        <ul class="card suppressions">{rows.collect_view()}</ul>
        {more}
    }
    .into_any()
}

#[component]
fn Row(account: AccountView) -> AnyView {
    let badge = account_badge(account.state);
    let invitation = account
        .invitation_expires
        .filter(|_| account.state == AccountState::Invited)
        .map(|at| view! { ", the invitation ends " <Time at /> });
    view! {
        <li>
            <div class="suppression-info">
                <strong class="relay-name">
                    <a href=account_path(&account.id)>{account.email}</a>
                    <span class=badge.class>{badge.name}</span>
                </strong>
                <span class="mail-detail">
                    {role_name(account.role)} ", created " <Time at=account.created /> {invitation}
                </span>
            </div>
        </li>
    }
    .into_any()
}
