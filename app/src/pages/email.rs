//! The page of the outgoing mail. Whether somebody may see it is for the engine to say.

use engine::Postern;
use leptos::prelude::*;

use super::refused::refused;
use crate::frame::framed;
use crate::{EmailSetup, Source};

#[component]
pub fn Email() -> impl IntoView {
    framed("Email setup", |actor| {
        let postern = expect_context::<Postern>();
        Suspend::new(async move {
            match postern.settings().view(&actor).await {
                Ok(saved) => {
                    let me = actor.name().to_owned();
                    provide_context(Source { saved, me });
                    view! { <EmailSetup /> }.into_any()
                }
                Err(refusal) => refused(&refusal),
            }
        })
    })
}
