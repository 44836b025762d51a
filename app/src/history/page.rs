//! The page with the history of a relay's SMTP settings.

use domain::Refusal;
use domain::settings::relay::OWN;
use domain::settings::revision::RevisionView;
use engine::{Actor, Postern};

use super::entry::RevisionEntry;
use super::relay::HistoryRelay;
use crate::components::{SuccessNotice, refused};
use crate::flash::{Flash, flash};
use crate::layout::console_page;
use crate::request::{only_id, queries};
use crate::server_prelude::*;

#[component]
pub fn RelayHistoryPage() -> impl IntoView {
    console_page("History", |actor| history(actor, only_id(&queries())))
}

#[component]
pub fn MyRelayHistoryPage() -> impl IntoView {
    console_page("History of my relay", |actor| {
        history(actor, Ok(OWN.to_owned()))
    })
}

fn history(actor: Actor, id: Result<String, Refusal>) -> AnyView {
    let postern = expect_context::<Postern>();
    let done = flash().and_then(done);
    Suspend::new(async move {
        let ShownHistory { relay, revisions } = match read(&postern, &actor, id).await {
            Ok(read) => read,
            Err(refusal) => return refused(&refusal),
        };
        let other_changes = relay.other_changes().map(|path| {
            view! {
                <p>
                    <a href=path>"Changes of its name, order, rule and limits"</a>
                    " are rows of the audit log, with the values before and after."
                </p>
            }
        });
        view! {
            <div class="page">
                <p>
                    <a class="page-back" href=relay.page()>
                        {relay.name.clone()}
                    </a>
                </p>
                <header class="page-head">
                    <h1>{format!("History of {}", relay.name)}</h1>
                    <p>
                        "Every save of the SMTP settings, newest first. The last 100 are kept, and the last three passwords."
                    </p>
                    {other_changes}
                </header>
                {done.map(|text| view! { <SuccessNotice text /> })}
                <Revisions relay_id=relay.id revisions />
            </div>
        }
        .into_any()
    })
    .into_any()
}

/// What the page shows.
struct ShownHistory {
    relay: HistoryRelay,
    revisions: Vec<RevisionView>,
}

async fn read(
    postern: &Postern,
    actor: &Actor,
    id: Result<String, Refusal>,
) -> Result<ShownHistory, Refusal> {
    let relay = HistoryRelay::read(postern, actor, id?).await?;
    let revisions = relay.settings.revisions(actor).await?;
    Ok(ShownHistory { relay, revisions })
}

/// What the form before this page did, if it leads here.
fn done(flash: Flash) -> Option<String> {
    match flash {
        Flash::RevisionRestored(number) => Some(format!("Revision {number} is restored.")),
        Flash::RevisionRestoredWithoutPassword(number) => Some(format!(
            "Revision {number} is restored without its password. Enter the password in the settings \
             and save them."
        )),
        _ => None,
    }
}

#[component]
fn Revisions(relay_id: String, revisions: Vec<RevisionView>) -> AnyView {
    if revisions.is_empty() {
        return view! { <p class="card mail-empty">"Nothing is saved yet."</p> }.into_any();
    }
    let entries = revisions.into_iter().enumerate().map(|(index, revision)| {
        let is_newest = index == 0;
        view! { <RevisionEntry relay_id=relay_id.clone() revision is_newest /> }
    });
    view! { <ul class="card suppressions">{entries.collect_view()}</ul> }.into_any()
}
