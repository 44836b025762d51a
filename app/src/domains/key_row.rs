//! A DKIM key in the list of a domain: its record, its state and its buttons.

use domain::mail::dkim::{DkimAlgorithm, DkimKeyState, DkimKeyView};

use super::badge::KeyBadge;
use super::finding::RecordText;
use super::{ACTIVATE_DKIM_KEY, REMOVE_DKIM_KEY};
use crate::components::{ActionButton, Time};
use crate::request::with_query;
use crate::server_prelude::*;

/// The name of an algorithm.
pub fn algorithm_name(algorithm: DkimAlgorithm) -> &'static str {
    match algorithm {
        DkimAlgorithm::Rsa => "RSA",
        DkimAlgorithm::Ed25519 => "Ed25519",
    }
}

#[component]
pub fn KeyRow(key: DkimKeyView) -> AnyView {
    let fields = vec![("domain", key.domain.clone()), ("id", key.id.clone())];
    let activate = (key.state != DkimKeyState::Active).then(|| {
        view! {
            <ActionButton
                action=ACTIVATE_DKIM_KEY
                text="Activate"
                about=key.selector.clone()
                fields=fields.clone()
            />
        }
    });
    let anyway = (key.state == DkimKeyState::Pending).then(|| {
        let anyway = ("anyway", "1".to_owned());
        let fields = [fields.clone(), vec![anyway]].concat();
        view! {
            <ActionButton
                action=ACTIVATE_DKIM_KEY
                text="Activate without its record"
                about=key.selector.clone()
                fields=fields
            />
        }
    });
    let remove = with_query(REMOVE_DKIM_KEY, [("domain", &key.domain), ("id", &key.id)]);
    let verb = match key.state {
        DkimKeyState::Active => "Signs since ",
        DkimKeyState::Pending | DkimKeyState::Retiring => "Signed from ",
    };
    let since = key
        .activated_at
        .map(|at| view! { <span class="mail-detail">{verb} <Time at /></span> });
    let removal = key.removal_at.map(|at| {
        view! {
            <span class="mail-detail">
                "Deleted " <Time at /> ". Keep its record in DNS until then."
            </span>
        }
    });
    view! {
        <li>
            <div class="suppression-info">
                <strong class="relay-name">
                    {key.selector.clone()} " (" {algorithm_name(key.algorithm)} ") "
                    <KeyBadge state=key.state usable=key.is_usable />
                </strong>
                <span class="mail-detail">
                    "Made " <Time at=key.created_at /> " by " {key.created_by.clone()}
                </span>
                {since}
                {removal}
            </div>
            <div class="actions">
                {activate}
                {anyway}
                <a
                    class="button button-danger button-small"
                    href=remove
                    aria-label=format!("Remove: {}", key.selector)
                >
                    "Remove"
                </a>
            </div>
            <dl class="domain-records">
                <dt>"TXT record of"</dt>
                <dd>
                    <RecordText text=key.record_name() />
                </dd>
                <dt>"Its text"</dt>
                <dd>
                    <RecordText text=key.record() />
                </dd>
                <dt>"As a line of a zone file"</dt>
                <dd>
                    <RecordText text=key.zone_line() />
                </dd>
            </dl>
        </li>
    }
    .into_any()
}
