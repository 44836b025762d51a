//! A revision in the list of a history.

use domain::settings::revision::RevisionView;

use super::changes::Changes;
use super::format::{password, saved};
use super::restore_path;
use crate::components::exact;
use crate::server_prelude::*;

/// `relay_id` is the relay whose history it is in, `is_newest` whether it is in use.
#[component]
pub fn RevisionEntry(relay_id: String, revision: RevisionView, is_newest: bool) -> AnyView {
    let number = revision.number;
    let saved = saved(&revision);
    let password = (!revision.is_removal).then(|| password(revision.password));
    let verified = revision.verified.map(|stamp| {
        let at = exact(stamp.at);
        let text = format!("Verified {at} by a test mail of {}.", stamp.by);
        view! { <span class="mail-detail">{text}</span> }
    });
    let (class, state) = match (revision.is_removal, verified.is_some()) {
        (true, _) => ("badge badge-plain", "Removal"),
        (false, true) => ("badge badge-good", "Verified"),
        (false, false) => ("badge badge-plain", "Not verified"),
    };
    let in_use = (is_newest && !revision.is_removal)
        .then(|| view! { <span class="badge badge-good">"In use"</span> });
    let changes = match revision.changes {
        Some(changes) => {
            let about = format!("Changes of revision {number}");
            view! { <Changes changes before="Before" after="After" about /> }.into_any()
        }
        None => view! {
            <span class="mail-detail">
                "What it changed is not known: the revision before it is no longer kept."
            </span>
        }
        .into_any(),
    };
    let restore = (!is_newest && !revision.is_removal).then(|| {
        let label = format!("Restore revision {number}");
        view! {
            <a
                class="button button-secondary button-small"
                href=restore_path(&relay_id, number)
                aria-label=label
            >
                "Restore"
            </a>
        }
    });
    view! {
        <li>
            <div class="suppression-info">
                <strong class="relay-name">
                    {format!("Revision {number}")} <span class=class>{state}</span> {in_use}
                </strong>
                <span class="mail-detail">{saved}</span>
                {verified}
                {password.map(|text| view! { <span class="mail-detail">{text}</span> })}
                {changes}
            </div>
            {restore}
        </li>
    }
    .into_any()
}
