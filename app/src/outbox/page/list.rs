//! The Outbox page: delivery status, counts by state, search, messages.

use domain::Kind;

use super::form_result::form_result;
use super::request::PageRequest;
use crate::Live;
use crate::components::{ErrorNotice, refused};
use crate::layout::console_page;
use crate::live;
use crate::outbox::list::SearchForm;
use crate::request::refuse;
use crate::server_prelude::*;
use crate::suppressions::SUPPRESSIONS;

#[component]
pub fn ListPage() -> impl IntoView {
    console_page("Outbox", |actor| {
        let (request, result) = (PageRequest::new(actor), form_result());
        Suspend::new(async move {
            let admin = request.is_admin();
            match request.view().await {
                Ok(view) => {
                    let search = view.search();
                    let source = request.source();
                    let (overview, messages) = view.parts(&request.actor, &request.url);
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
fn PageHead(admin: bool, children: Children) -> AnyView {
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
    .into_any()
}
