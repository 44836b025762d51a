//! A finding of a check: its state, why, and the record as it is and as it should be.

use domain::mail::dkim::zone_line;
use domain::mail::domain_check::{CheckKind, DomainFinding};

use super::badge::CheckBadge;
use crate::server_prelude::*;

#[component]
pub fn Finding(finding: DomainFinding) -> AnyView {
    let kind = finding.kind.record_type();
    let found = match finding.found.is_empty() {
        true => view! { <span class="mail-detail">"There is none, or DNS did not say."</span> }
            .into_any(),
        false => finding
            .found
            .iter()
            .map(|text| view! { <RecordText text=text.clone() /> })
            .collect_view()
            .into_any(),
    };
    let expected = finding.expected.as_ref().map(|text| {
        let zone = (finding.kind != CheckKind::Mx).then(|| {
            let line = zone_line(&finding.name, text);
            view! {
                <dt>"As a line of a zone file"</dt>
                <dd>
                    <RecordText text=line />
                </dd>
            }
        });
        view! {
            <dt>"As it should be"</dt>
            <dd>
                <RecordText text=text.clone() />
            </dd>
            {zone}
        }
    });
    let name = format!("{kind} record of {}", finding.name);
    view! {
        <li>
            <div class="suppression-info">
                <strong class="relay-name">
                    {finding.kind.name()} <CheckBadge state=finding.state />
                </strong>
                <span>{finding.why}</span>
            </div>
            <dl class="domain-records">
                <dt>{name}</dt>
                <dd>{found}</dd>
                {expected}
            </dl>
        </li>
    }
    .into_any()
}

/// The text of a record, selected as a whole by a click.
#[component]
pub fn RecordText(text: String) -> AnyView {
    view! { <code class="domain-record">{text}</code> }.into_any()
}
