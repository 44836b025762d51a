//! The notice that a relay has listed as many addresses as it may, for administrators.

use domain::outbox::SuppressionLimit;

use crate::outbox::format::grouped;
use crate::server_prelude::*;
use crate::suppressions::SUPPRESSIONS;

#[component]
pub fn SuppressionNotice(reached: SuppressionLimit) -> AnyView {
    let text = format!(
        "The relay reported {} addresses as unknown within 24 hours: 5 % of its recipients, or 20 where \
         that is more. Further addresses are not put on the ",
        grouped(reached.listed)
    );
    view! {
        <div class="notice notice-warn">
            <p>
                <strong>"No more addresses are suppressed."</strong>
                " "
                {text}
                <a href=SUPPRESSIONS>"suppression list"</a>
                ". Check the DNS of the relay, and remove entries that are wrong."
            </p>
        </div>
    }
    .into_any()
}
