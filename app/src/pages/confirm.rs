//! The page that asks back, with the number of mails, before an act touches them.

use engine::Postern;
use leptos::prelude::*;

use super::refused::refused;
use crate::frame::framed;
use crate::outbox::{Errand, Question};
use crate::request::queries;

#[component]
pub fn Confirm() -> impl IntoView {
    framed("Outbox", |actor| {
        let postern = expect_context::<Postern>();
        let errand = Errand::read(&queries());
        Suspend::new(async move {
            let errand = match errand {
                Ok(errand) => errand,
                Err(refusal) => return refused(&refusal),
            };
            match postern
                .outbox()
                .count_act(&actor, errand.act, &errand.selection)
                .await
            {
                Ok(number) => view! {
                    <div class="page">
                        <Question errand number />
                    </div>
                }
                .into_any(),
                Err(refusal) => refused(&refusal),
            }
        })
    })
}
