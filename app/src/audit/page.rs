//! The page of the audit log: filters and rows.

use domain::audit::{AuditCursor, AuditPosition, AuditRow, AuditSearch, PAGE_ROWS};
use domain::{Fields, Kind, Refusal};
use engine::{Action, Postern};

use super::row::Row;
use super::search_form::SearchForm;
use super::{AUDIT, EXPORT_AUDIT};
use crate::components::{ErrorNotice, refused};
use crate::layout::console_page;
use crate::request::{queries, refuse, with_query};
use crate::server_prelude::*;

#[component]
pub fn AuditLogPage() -> impl IntoView {
    console_page("Audit log", |actor| {
        let postern = expect_context::<Postern>();
        let query = Fields::of(&queries()).read(|fields| {
            let AuditPosition { before } = fields.decode();
            (fields.decode::<AuditSearch>(), before)
        });
        Suspend::new(async move {
            let audit = postern.audit();
            if let Err(refusal) = audit.admit(&actor, Action::ReadAudit).await {
                return refused(&refusal);
            }
            let (search, before) = match query {
                Ok(query) => query,
                Err(refusal) => return invalid(&refusal),
            };
            let page = audit.list(&actor, &search, before.as_ref(), PAGE_ROWS);
            match page.await {
                Ok(page) => {
                    let pager = pager(&search, before.is_some(), page.next);
                    let is_part = before.is_some() || !search.pairs().is_empty();
                    let rows = listed(page.rows, is_part, pager);
                    view! {
                        <div class="page">
                            <Head />
                            <SearchForm search=search.clone() />
                            {rows}
                            <Files search />
                        </div>
                    }
                    .into_any()
                }
                Err(refusal) if refusal.kind == Kind::Invalid => invalid(&refusal),
                Err(refusal) => refused(&refusal),
            }
        })
    })
}

/// The page of a search that is not valid.
fn invalid(refusal: &Refusal) -> AnyView {
    refuse(refusal);
    view! {
        <div class="page">
            <Head />
            <ErrorNotice text=refusal.text().to_owned() />
            <SearchForm search=AuditSearch::default() />
        </div>
    }
    .into_any()
}

#[component]
fn Head() -> AnyView {
    view! {
        <header class="page-head">
            <h1>"Audit log"</h1>
            <p>
                "Acts on settings, relays, accounts, sessions and mail, and refusals of them. The rows of each node are a hash chain: "
                <code>"postern audit verify"</code>
                " finds a row that another program changed, took away or inserted."
            </p>
        </header>
    }
    .into_any()
}

/// The rows, with the links to others below them. They are a part where there are rows that do not match.
fn listed(rows: Vec<AuditRow>, is_part: bool, pager: Option<AnyView>) -> AnyView {
    let rows = match rows.is_empty() {
        true => {
            let text = match is_part {
                true => "No row matches.",
                false => "The audit log is empty.",
            };
            view! { <p class="mail-empty">{text}</p> }.into_any()
        }
        false => {
            let rows = rows.into_iter().map(|row| view! { <Row row /> });
            view! { <ul class="suppressions">{rows.collect_view()}</ul> }.into_any()
        }
    };
    view! {
        <section class="card" aria-label="Rows">
            {rows} {pager}
        </section>
    }
    .into_any()
}

/// Links to the newest and to older rows.
fn pager(search: &AuditSearch, behind: bool, older: Option<AuditCursor>) -> Option<AnyView> {
    if !behind && older.is_none() {
        return None;
    }
    let newest = behind.then(|| {
        let first = with_query(AUDIT, search.pairs());
        view! { <a class="button button-secondary button-small" href=first>"Newest"</a> }
    });
    let older = older.map(|older| {
        let mut pairs = search.pairs();
        pairs.push(("before", older.to_string()));
        let next = with_query(AUDIT, pairs);
        view! { <a class="button button-secondary button-small" href=next rel="next">"Older"</a> }
    });
    let links = view! { <nav class="pager" aria-label="Pages">{newest} {older}</nav> };
    Some(links.into_any())
}

/// A link to the export of all rows that match.
#[component]
fn Files(search: AuditSearch) -> AnyView {
    let path = with_query(EXPORT_AUDIT, search.pairs());
    view! {
        <p class="figures-files">
            <a href=path>"Export all rows that match"</a>
            " as CSV or JSON lines."
        </p>
    }
    .into_any()
}
