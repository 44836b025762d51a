//! The overview of the outbox: delivery status and counts by state.

mod counts;
mod delivery_status;
mod pause;
mod suppression_notice;
mod throughput;

use domain::outbox::{Overview, RecipientState};

use super::action::BulkActionProgress;
use super::viewer::Viewer;
use crate::server_prelude::*;
use counts::Counts;
pub use counts::StateBadge;
use delivery_status::DeliveryStatusCard;
pub use delivery_status::{Backoff, diagnosis_page};
pub use pause::pauses;
use suppression_notice::SuppressionNotice;

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
