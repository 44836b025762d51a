//! The outbox at a glance: whether mail flows, and how much is in each state.

use domain::cause::Cause;
use domain::outbox::{Overview, RecipientState};
use leptos::prelude::*;

use super::Viewer;
use super::counts::Counts;
use super::standing::StandingNow;

#[component]
pub fn Glance(
    overview: Overview,
    cause: Option<&'static Cause>,
    shown: Option<RecipientState>,
    viewer: Viewer,
) -> impl IntoView {
    let counts = overview.counts.clone();
    view! {
        <div id="overview" class="overview">
            <StandingNow overview cause viewer=viewer.clone() />
            <Counts counts shown viewer />
        </div>
    }
}
