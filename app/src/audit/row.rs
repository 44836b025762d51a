//! A row of the audit log on its page.

use domain::audit::{AuditOutcome, AuditRow};

use crate::components::exact;
use crate::server_prelude::*;

#[component]
pub fn Row(row: AuditRow) -> AnyView {
    let badge = match AuditOutcome::of_row(&row.outcome) {
        Some(AuditOutcome::Refused | AuditOutcome::Failed) => "badge badge-warn",
        Some(AuditOutcome::Done | AuditOutcome::Begun) | None => "badge badge-plain",
    };
    let actor = match row.actor.as_str() {
        "" => "Several names".to_owned(),
        actor => actor.to_owned(),
    };
    let origin = match row.origin.as_str() {
        "" => String::new(),
        origin => format!(" from {origin}"),
    };
    let detail = (!row.detail.is_empty())
        .then(|| view! { <span class="event-reply">{row.detail.clone()}</span> });
    let place = row.place.map(|place| {
        let text = format!("Row {} of {}", place.number, place.node);
        view! { <span class="mail-detail">{text}</span> }
    });
    view! {
        <li>
            <div class="suppression-info">
                <strong class="relay-name">
                    {row.action} <span class=badge>{row.outcome}</span>
                </strong>
                {detail}
                <span class="mail-detail">
                    {actor} {origin} ", " <time datetime=row.at.rfc3339()>{exact(row.at)}</time>
                </span>
                {place}
            </div>
        </li>
    }
    .into_any()
}
