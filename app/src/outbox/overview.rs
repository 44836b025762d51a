//! The overview of the outbox: delivery status and counts by state.

use domain::outbox::{Overview, RecipientState};
use leptos::prelude::*;

use super::counts::Counts;
use super::delivery_status::DeliveryStatusCard;
use super::viewer::Viewer;

#[component]
pub fn OverviewPanel(overview: Overview, shown: Option<RecipientState>, viewer: Viewer) -> AnyView {
    let counts = overview.counts.clone();
    view! {
        <div id="overview" class="overview">
            <DeliveryStatusCard overview viewer=viewer.clone() />
            <Counts counts shown viewer />
        </div>
    }
    .into_any()
}
