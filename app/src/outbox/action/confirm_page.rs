//! The page that asks for confirmation of an action, with the number of recipients.

use engine::Postern;

use super::confirm::Confirm;
use super::request::ActionRequest;
use crate::components::refused;
use crate::layout::console_page;
use crate::request::queries;
use crate::server_prelude::*;

#[component]
pub fn ConfirmPage() -> impl IntoView {
    console_page("Outbox", |actor| {
        let postern = expect_context::<Postern>();
        let request = ActionRequest::parse(&queries());
        Suspend::new(async move {
            let request = match request {
                Ok(request) => request,
                Err(refusal) => return refused(&refusal),
            };
            match postern
                .outbox()
                .count_act(&actor, request.action, &request.selection)
                .await
            {
                Ok(count) => view! {
                    <div class="page">
                        <Confirm request count />
                    </div>
                }
                .into_any(),
                Err(refusal) => refused(&refusal),
            }
        })
    })
}
