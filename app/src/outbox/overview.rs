//! The overview of the outbox: delivery status and counts by state.

use domain::outbox::{Overview, RecipientState};

use super::bulk_action::BulkActionProgress;
use super::counts::Counts;
use super::delivery_status::DeliveryStatusCard;
use super::suppression_notice::SuppressionNotice;
use super::viewer::Viewer;
use crate::server_prelude::*;

#[component]
pub fn OverviewPanel(overview: Overview, shown: Option<RecipientState>, viewer: Viewer) -> AnyView {
    let counts = overview.counts.clone();
    let (act, limit) = (overview.act.clone(), overview.suppression_limit);
    view! {
        <div id="overview" class="overview">
            {limit.map(|reached| view! { <SuppressionNotice reached /> })}
            {act.map(|act| view! { <BulkActionProgress act /> })}
            <DeliveryStatusCard overview viewer=viewer.clone() />
            <Counts counts shown viewer />
        </div>
    }
    .into_any()
}
