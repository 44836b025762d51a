//! The progress of an action on many messages, with a button that stops it.

use domain::outbox::{BulkAction, BulkActionState};

use crate::components::Time;
use crate::outbox::format::{counted, done, for_recipients, grouped, verb};
use crate::outbox::paths::STOP_ACT;
use crate::server_prelude::*;

/// For administrators.
#[component]
pub fn BulkActionProgress(act: BulkAction) -> AnyView {
    let changed = match act.number {
        number if number == act.done => counted(number, "recipient"),
        number => format!("{} of {}", grouped(act.done), counted(number, "recipient")),
    };
    let (class, text) = match act.state {
        BulkActionState::Running => (
            "notice notice-info",
            format!("{}: {changed} so far.", verb(act.action)),
        ),
        BulkActionState::Done => ("notice notice-good", done(act.action, act.done)),
        BulkActionState::Stopped => (
            "notice notice-warn",
            format!("{}: stopped after {changed}.", verb(act.action)),
        ),
        BulkActionState::Failed => (
            "notice notice-bad",
            format!(
                "{}: failed after {changed}. The log of Postern names the fault. Repeat the action for \
                 the rest.",
                verb(act.action)
            ),
        ),
    };
    let runs = act.state == BulkActionState::Running;
    let bar = runs.then(|| {
        let label = for_recipients(act.action, act.number);
        view! { <progress max=act.number value=act.done aria-label=label></progress> }
    });
    let stop = runs.then(|| {
        view! {
            <form method="post" action=STOP_ACT>
                <button class="button button-secondary button-small" type="submit">
                    "Stop"
                </button>
            </form>
        }
    });
    view! {
        <section class=format!("{class} bulk-act") aria-label="Action on many messages">
            <p role="status">{text}</p>
            {bar}
            <p class="field-hint">
                {if runs { "Begun " } else { "Ended " }} <Time at=act.at /> " by " {act.by} "."
            </p>
            {stop}
        </section>
    }
    .into_any()
}
