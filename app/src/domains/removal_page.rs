//! The page that asks whether to remove a DKIM key.

use domain::mail::dkim::DkimKeyState;
use domain::{Kind, Refusal};
use engine::{Actor, Postern};

use super::{DkimKeyId, REMOVE_DKIM_KEY, domain_path};
use crate::components::{Question, refused};
use crate::layout::console_page;
use crate::request::{other_fault, queries};
use crate::server_prelude::*;

#[component]
pub fn DkimKeyRemovalPage() -> impl IntoView {
    console_page("Remove a DKIM key", |actor| {
        let postern = expect_context::<Postern>();
        let named = DkimKeyId::parse(&queries());
        let fault = other_fault(&[]);
        Suspend::new(async move {
            match question(&postern, &actor, named, fault).await {
                Ok(page) => page,
                Err(refusal) => refused(&refusal),
            }
        })
    })
}

async fn question(
    postern: &Postern,
    actor: &Actor,
    named: Result<DkimKeyId, Refusal>,
    fault: Option<String>,
) -> Result<AnyView, Refusal> {
    // Others than administrators are refused whatever they name.
    actor.administers()?;
    let DkimKeyId { domain, id } = named?;
    let keys = postern.domains().keys(actor, &domain).await?;
    let found = keys.into_iter().find(|key| key.id == id);
    let key = found.ok_or_else(|| {
        let text = "The domain has no such key. It may have been removed.";
        Refusal::of(Kind::NotFound, "id", text)
    })?;
    let title = format!("Remove the key {} of {domain}?", key.selector);
    let effect = match key.state {
        DkimKeyState::Pending => "It signs nothing yet.",
        DkimKeyState::Active => {
            "It signs the mail of this domain: without it, mail is signed only with what other keys are active."
        }
        DkimKeyState::Retiring => "It does not sign any more.",
    };
    let back = domain_path(&key.domain);
    Ok(view! {
        <Question
            title
            fault
            action=REMOVE_DKIM_KEY
            fields=vec![("domain", domain), ("id", id)]
            button=Some("Remove key".to_owned())
            back
        >
            <p>
                <strong>{effect}</strong>
                " Its private key is deleted. Keep its record in DNS for some days: mail on its way may have its signature."
            </p>
        </Question>
    }
    .into_any())
}
