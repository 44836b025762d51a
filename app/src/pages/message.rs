//! One message: its envelope, what became of it for each recipient, and what it says.

use engine::{Actor, Postern};
use leptos::prelude::*;

use super::outbox::told;
use super::refused::refused;
use crate::Live;
use crate::frame::framed;
use crate::live;
use crate::outbox::{Looks, Place, Reading, Seen, Viewer, title};
use crate::parts::Bad;
use crate::request::here;

#[component]
pub fn Message() -> impl IntoView {
    framed("Message", |actor| {
        let postern = expect_context::<Postern>();
        let viewer = Viewer::new(&actor, expect_context::<Looks>().url());
        let place = Place::read(&here());
        let told = told();
        Suspend::new(async move {
            let seen = match &place {
                Ok(place) => Seen::look(&postern, &actor, place).await,
                Err(refusal) => Err(refusal.clone()),
            };
            let seen = match seen {
                Ok(seen) => seen,
                Err(refusal) => return refused(&refusal),
            };
            let letter = match seen.message() {
                Some(message) if viewer.admin && message.kept => {
                    Some(reading(&postern, &actor, &message.id).await)
                }
                _ => None,
            };
            let heading = seen.message().map(title);
            let source = place.map(|place| place.written()).unwrap_or_default();
            let (message, _) = seen.parts(viewer);
            view! {
                <div class="page" id=live::ID data-source=source>
                    <header class="page-head outbox-head">
                        <a class="page-up" href="/outbox">
                            "Outbox"
                        </a>
                        <h1>{heading}</h1>
                        <Live />
                    </header>
                    {told}
                    {message}
                    {letter}
                </div>
            }
            .into_any()
        })
    })
}

/// What the mail says. That it cannot be read keeps nothing else from being seen.
async fn reading(postern: &Postern, actor: &Actor, id: &str) -> AnyView {
    match postern.outbox().parsed_message(actor, id).await {
        Ok(letter) => view! { <Reading letter source=format!("/outbox/{id}/source") /> }.into_any(),
        Err(refusal) => view! { <Bad text=refusal.text().to_owned() /> }.into_any(),
    }
}
