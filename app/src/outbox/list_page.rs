//! The page of the list: delivery status, counts by state, search, messages.

use domain::Kind;
use engine::Postern;
use leptos::prelude::*;

use super::form_result::form_result;
use super::paths::OutboxPage;
use super::public_url::PublicUrl;
use super::search::SearchForm;
use super::viewer::Viewer;
use super::watch::PageView;
use crate::Live;
use crate::components::{ErrorNotice, refused};
use crate::layout::console_page;
use crate::live;
use crate::request::{page_url, refuse};
use crate::suppressions::SUPPRESSIONS;

#[component]
pub fn ListPage() -> impl IntoView {
    console_page("Outbox", |actor| {
        let postern = expect_context::<Postern>();
        let viewer = Viewer::new(&actor, &expect_context::<PublicUrl>());
        let page = OutboxPage::parse(&page_url());
        let result = form_result();
        Suspend::new(async move {
            let view = match &page {
                Ok(page) => PageView::read(&postern, &actor, page).await,
                Err(refusal) => Err(refusal.clone()),
            };
            let source = page.map(|page| page.url()).unwrap_or_default();
            let admin = viewer.admin;
            match view {
                Ok(view) => {
                    let search = view.search();
                    let (overview, messages) = view.parts(viewer);
                    view! {
                        <div class="page page-wide" id=live::ID data-source=source>
                            <PageHead admin>
                                <Live />
                            </PageHead>
                            {result}
                            {overview}
                            <SearchForm search />
                            {messages}
                        </div>
                    }
                    .into_any()
                }
                Err(refusal) if refusal.kind == Kind::Invalid => {
                    refuse(&refusal);
                    view! {
                        <div class="page page-wide">
                            <PageHead admin>""</PageHead>
                            <ErrorNotice text=refusal.text().to_owned() />
                            <SearchForm search=Default::default() />
                        </div>
                    }
                    .into_any()
                }
                Err(refusal) => refused(&refusal),
            }
        })
    })
}

#[component]
fn PageHead(admin: bool, children: Children) -> impl IntoView {
    let intro = match admin {
        true => "Accepted messages and their delivery.",
        false => "The messages you submitted and their delivery.",
    };
    view! {
        <header class="page-head outbox-head">
            <h1>"Outbox"</h1>
            {children()}
            <p>
                {intro} " "
                {admin
                    .then(|| view! { <a href=SUPPRESSIONS>"Suppression list"</a> })}
            </p>
        </header>
    }
}
