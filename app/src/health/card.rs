//! The health of a relay as a section of its page.

use domain::Timestamp;
use domain::health::{HealthPeriod, HealthView};

use super::history::HealthHistory;
use super::status::{HealthStatus, connections};
use crate::components::ActionButton;
use crate::server_prelude::*;

/// The health of a relay, and its history.
#[derive(Clone, Debug)]
pub struct ShownHealth {
    pub view: HealthView,
    pub history: Vec<HealthPeriod>,
}

/// `open` is the number of connections to the relay; `action` and `fields` are the form that has it checked
/// at once.
#[component]
pub fn HealthCard(
    health: ShownHealth,
    open: u64,
    now: Timestamp,
    action: &'static str,
    fields: Vec<(&'static str, String)>,
) -> AnyView {
    let ShownHealth { view, history } = health;
    let name = view.name.clone();
    view! {
        <section class="card" aria-labelledby="health-title">
            <header class="card-head">
                <h2 id="health-title">"Health"</h2>
                <p>
                    "Postern connects and signs in every five minutes, less often while mail flows. It sends nothing."
                </p>
            </header>
            <div class="card-body health-card">
                <HealthStatus view now />
                <span class="mail-detail">"At present " {connections(open)}</span>
                <HealthHistory periods=history now />
                <ActionButton action text="Check now" about=name fields />
            </div>
        </section>
    }
    .into_any()
}
