//! The page of a message: its envelope, its delivery to each recipient, its content.

use engine::{Actor, Postern};
use leptos::prelude::*;

use super::content::Content;
use super::form_result::form_result;
use super::message::title;
use super::paths::{OUTBOX, OutboxPage, source_path};
use super::public_url::PublicUrl;
use super::viewer::Viewer;
use super::watch::PageView;
use crate::Live;
use crate::components::{ErrorNotice, refused};
use crate::layout::console_page;
use crate::live;
use crate::request::page_url;

#[component]
pub fn MessagePage() -> impl IntoView {
    console_page("Message", |actor| {
        let postern = expect_context::<Postern>();
        let viewer = Viewer::new(&actor, &expect_context::<PublicUrl>());
        let page = OutboxPage::parse(&page_url());
        let result = form_result();
        Suspend::new(async move {
            let view = match &page {
                Ok(page) => PageView::read(&postern, &actor, page).await,
                Err(refusal) => Err(refusal.clone()),
            };
            let view = match view {
                Ok(view) => view,
                Err(refusal) => return refused(&refusal),
            };
            let content = match view.message() {
                Some(message) if viewer.admin && message.kept => {
                    Some(content(&postern, &actor, &message.id).await)
                }
                _ => None,
            };
            let heading = view.message().map(title);
            let source = page.map(|page| page.url()).unwrap_or_default();
            let (message, _) = view.parts(viewer);
            view! {
                <div class="page" id=live::ID data-source=source>
                    <header class="page-head outbox-head">
                        <a class="page-back" href=OUTBOX>
                            "Outbox"
                        </a>
                        <h1>{heading}</h1>
                        <Live />
                    </header>
                    {result}
                    {message}
                    {content}
                </div>
            }
            .into_any()
        })
    })
}

/// The content of the message. A failure leaves the rest of the page.
async fn content(postern: &Postern, actor: &Actor, id: &str) -> AnyView {
    match postern.outbox().parsed_message(actor, id).await {
        Ok(letter) => view! { <Content letter source=source_path(id) /> }.into_any(),
        Err(refusal) => view! { <ErrorNotice text=refusal.text().to_owned() /> }.into_any(),
    }
}
