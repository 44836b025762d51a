//! The page that asks whether to remove a relay.

use domain::Refusal;
use engine::{Actor, Postern};

use super::{RELAYS, REMOVE_RELAY};
use crate::components::{Question, refused};
use crate::layout::console_page;
use crate::request::{only_id, other_fault, queries};
use crate::server_prelude::*;

#[component]
pub fn RemovalPage() -> impl IntoView {
    console_page("Remove a relay", |actor| {
        let postern = expect_context::<Postern>();
        let id = only_id(&queries());
        let fault = other_fault(&[]);
        Suspend::new(async move {
            match question(&postern, &actor, id, fault).await {
                Ok(page) => page,
                Err(refusal) => refused(&refusal),
            }
        })
    })
}

async fn question(
    postern: &Postern,
    actor: &Actor,
    id: Result<String, Refusal>,
    fault: Option<String>,
) -> Result<AnyView, Refusal> {
    let relay = postern.relays().read(actor, &id?).await?;
    let name = relay.config.name.clone();
    let fields = vec![
        ("id", relay.id.clone()),
        ("revision", relay.revision.to_string()),
    ];
    let button = (!relay.is_main()).then(|| "Remove relay".to_owned());
    let content = match relay.is_main() {
        true => {
            view! { <p>"The first relay cannot be removed. It can be switched off."</p> }.into_any()
        }
        false => view! {
            <p>
                <strong>
                    "Its settings, their history, its password and its earlier passwords are deleted."
                </strong> " This cannot be undone."
            </p>
        }
        .into_any(),
    };
    Ok(view! {
        <Question
            title=format!("Remove {name}?")
            about=relay.address
            fault
            action=REMOVE_RELAY
            fields
            button
            back=RELAYS
        >
            {content}
        </Question>
    }
    .into_any())
}
