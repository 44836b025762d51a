//! The page of a message: its envelope, its delivery to each recipient, its content.

use engine::{Actor, Postern};

use super::form_result::form_result;
use super::request::PageRequest;
use crate::Live;
use crate::components::{ErrorNotice, refused};
use crate::layout::console_page;
use crate::live;
use crate::outbox::message::{Content, title};
use crate::outbox::paths::{OUTBOX, source_path};
use crate::server_prelude::*;

#[component]
pub fn MessagePage() -> impl IntoView {
    console_page("Message", |actor| {
        let (request, result) = (PageRequest::new(actor), form_result());
        Suspend::new(async move {
            let view = match request.view().await {
                Ok(view) => view,
                Err(refusal) => return refused(&refusal),
            };
            let content = match view.message() {
                Some(message) if request.is_admin() && message.confidential => {
                    Some(view! { <Confidential /> }.into_any())
                }
                Some(message) if request.is_admin() && message.kept => {
                    Some(content(&request.postern, &request.actor, &message.id).await)
                }
                _ => None,
            };
            let heading = view.message().map(title);
            let source = request.source();
            let (message, _) = view.parts(&request.actor, &request.url);
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

/// In the place of the content of mail about accounts.
#[component]
fn Confidential() -> AnyView {
    view! {
        <section class="card" aria-labelledby="content-title">
            <header class="card-head">
                <h2 id="content-title">"Content"</h2>
                <p>
                    "The content of mail about accounts is shown to nobody: it may have a link that sets a password."
                </p>
            </header>
        </section>
    }
    .into_any()
}

/// The content of the message. A failure leaves the rest of the page.
async fn content(postern: &Postern, actor: &Actor, id: &str) -> AnyView {
    match postern.outbox().parsed_message(actor, id).await {
        Ok(message) => view! { <Content message source=source_path(id) /> }.into_any(),
        Err(refusal) => view! { <ErrorNotice text=refusal.text().to_owned() /> }.into_any(),
    }
}
