//! A list of sender addresses with a button that removes each, of the own account or of another.

use engine::{SenderState, SenderView};

use crate::components::{HiddenFields, Time};
use crate::server_prelude::*;

/// `action` is the form that removes one, and `again` the one that mails another link, where it can be
/// asked for; `fields` are sent with the id.
#[component]
pub fn SenderList(
    senders: Vec<SenderView>,
    action: &'static str,
    #[prop(optional)] again: Option<&'static str>,
    #[prop(optional)] fields: Vec<(&'static str, String)>,
) -> AnyView {
    let rows = senders
        .into_iter()
        .map(|sender| view! { <Row sender action again fields=fields.clone() /> });
    view! { <ul class="card-body sessions">{rows.collect_view()}</ul> }.into_any()
}

#[component]
fn Row(
    sender: SenderView,
    action: &'static str,
    again: Option<&'static str>,
    fields: Vec<(&'static str, String)>,
) -> AnyView {
    let mut fields = fields;
    fields.push(("id", sender.id.clone()));
    let (class, name) = match sender.state {
        SenderState::Own => ("badge badge-good", "Own address"),
        SenderState::Confirmed => ("badge badge-good", "Confirmed"),
        SenderState::Administrator => ("badge badge-good", "Added by an administrator"),
        SenderState::Waiting => ("badge badge-held", "Waiting for confirmation"),
        SenderState::Expired => ("badge badge-bad", "Not confirmed in time"),
    };
    let scope = sender.is_domain.then(|| {
        view! { <span>"Every address of the domain; none of its subdomains."</span> }
    });
    let added = sender.added.map(|added| {
        let ends = sender.expires.map(|at| {
            let text = match sender.state {
                SenderState::Expired => ". The link ended ",
                _ => ". The link ends ",
            };
            view! {
                {text}
                <Time at />
            }
        });
        view! {
            <span>"Added " <Time at=added.at /> " by " {added.by} {ends}</span>
        }
    });
    let resend = again.filter(|_| !sender.state.is_usable()).map(|again| {
        view! {
            <form method="post" action=again>
                <HiddenFields fields=fields.clone() />
                <button
                    class="button button-secondary button-small"
                    type="submit"
                    aria-label=format!("Send the link to {} again", sender.address)
                >
                    "Send again"
                </button>
            </form>
        }
    });
    let remove = (sender.state != SenderState::Own).then(|| {
        view! {
            <form method="post" action=action>
                <HiddenFields fields />
                <button
                    class="button button-danger button-small"
                    type="submit"
                    aria-label=format!("Remove {}", sender.address)
                >
                    "Remove"
                </button>
            </form>
        }
    });
    view! {
        <li class="session">
            <div class="session-info">
                <strong>
                    <b class="sender-address">{sender.address}</b>
                    <span class=class>{name}</span>
                </strong>
                {scope}
                {added}
            </div>
            <div class="actions">{resend} {remove}</div>
        </li>
    }
    .into_any()
}
