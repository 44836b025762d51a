//! The outbox: whether mail flows, what is in which state, and the mails that are looked for.

use domain::Kind;
use domain::outbox::MessageAction;
use engine::Postern;
use leptos::prelude::*;

use super::refused::refused;
use crate::Live;
use crate::frame::framed;
use crate::live;
use crate::outbox::{Looks, Place, SearchForm, Seen, Viewer, format};
use crate::parts::{Bad, Good};
use crate::request::{beside, here, query, refuse};

#[component]
pub fn Outbox() -> impl IntoView {
    framed("Outbox", |actor| {
        let postern = expect_context::<Postern>();
        let viewer = Viewer::new(&actor, expect_context::<Looks>().url());
        let place = Place::read(&here());
        let told = told();
        Suspend::new(async move {
            let seen = match &place {
                Ok(place) => Seen::look(&postern, &actor, place).await,
                Err(refusal) => Err(refusal.clone()),
            };
            let source = place.map(|place| place.written()).unwrap_or_default();
            let admin = viewer.admin;
            match seen {
                Ok(seen) => {
                    let search = seen.search();
                    let (glance, mails) = seen.parts(viewer);
                    view! {
                        <div class="page page-wide" id=live::ID data-source=source>
                            <Head admin>
                                <Live />
                            </Head>
                            {told}
                            {glance}
                            <SearchForm search />
                            {mails}
                        </div>
                    }
                    .into_any()
                }
                Err(refusal) if refusal.kind == Kind::Invalid => {
                    refuse(&refusal);
                    view! {
                        <div class="page page-wide">
                            <Head admin>""</Head>
                            <Bad text=refusal.text().to_owned() />
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
fn Head(admin: bool, children: Children) -> impl IntoView {
    let intro = match admin {
        true => "What was handed over, and what became of it.",
        false => "The mail you handed over, and what became of it.",
    };
    view! {
        <header class="page-head outbox-head">
            <h1>"Outbox"</h1>
            {children()}
            <p>
                {intro} " "
                {admin
                    .then(|| view! { <a href="/suppressions">"Suppression list"</a> })}
            </p>
        </header>
    }
}

/// What the form that was just posted came to.
pub fn told() -> Option<AnyView> {
    if let Some(text) = beside(&[]) {
        return Some(view! { <Bad text /> }.into_any());
    }
    let text = match query("done")?.as_str() {
        "paused" => "Delivery is paused.".to_owned(),
        "resumed" => "Delivery is running again.".to_owned(),
        act => {
            let act: MessageAction = act.parse().ok()?;
            format::done(act, query("number")?.parse().ok()?)
        }
    };
    Some(view! { <Good text /> }.into_any())
}
