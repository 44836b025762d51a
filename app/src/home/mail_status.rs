//! The heading of Home: whether mail can leave, and since when.

use domain::home::{HomeFacts, MailStatus};

use crate::components::Time;
use crate::server_prelude::*;

#[component]
pub fn MailStatusHeading(facts: HomeFacts) -> AnyView {
    let status = MailStatus::of(&facts);
    let since = status.since().map(|at| {
        view! {
            <p>
                "Since " <Time at />
            </p>
        }
    });
    view! {
        <header class="page-head home-head">
            <p class="home-state">
                <span class=format!("badge {}", tone(&status))>{status.title()}</span>
            </p>
            <h1>{status.sentence()}</h1>
            {since}
        </header>
    }
    .into_any()
}

/// The badge class of a status.
const fn tone(status: &MailStatus) -> &'static str {
    match status {
        MailStatus::NotConfigured | MailStatus::Paused { .. } | MailStatus::Partial { .. } => {
            "badge-warn"
        }
        MailStatus::NoWorker | MailStatus::Stopped { .. } => "badge-bad",
        MailStatus::Unchecked => "badge-plain",
        MailStatus::Running { .. } => "badge-good",
    }
}
