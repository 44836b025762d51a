//! The question before an action on many messages, or one that cannot be undone.

use domain::outbox::{ActionCount, MessageAction, Selection};

use super::request::ActionRequest;
use crate::components::HiddenFields;
use crate::outbox::format::{description, effect, for_recipients, grouped, states, verb};
use crate::outbox::paths::ACT;
use crate::server_prelude::*;

#[component]
pub fn Confirm(request: ActionRequest, count: ActionCount) -> impl IntoView {
    let number = count.number;
    let action = request.action;
    let of = match &request.selection {
        Selection::One(_) => "One message, for one recipient.".to_owned(),
        Selection::Message(_) => "One message, for all its recipients.".to_owned(),
        Selection::Matching(search) => match description(search) {
            Some(description) => format!("All that match: {description}."),
            None => "All mail of this outbox.".to_owned(),
        },
    };
    let scope = format!(
        "Counts recipients whose mail is {} and not being sent.",
        states(action)
    );
    let changed = request
        .confirmed
        .as_ref()
        .map(|shown| shown.number)
        .filter(|shown| *shown != number)
        .map(|shown| {
            let now = grouped(number);
            let text = format!(
                "The number of recipients was {} before and is {now} now.",
                grouped(shown)
            );
            view! { <div class="notice notice-warn" role="alert">{text}</div> }
        });
    if number == 0 {
        return view! {
            <header class="page-head">
                <h1>"There is nothing to " {verb(action).to_lowercase()}</h1>
                <p>{of}</p>
            </header>
            <section class="card">
                <div class="card-body">
                    <p>{scope}</p>
                    <div class="buttons">
                        <a class="button button-secondary" href=request.page_url()>
                            "Back"
                        </a>
                    </div>
                </div>
            </section>
        }
        .into_any();
    }
    let confirm = for_recipients(action, number);
    let class = match action {
        MessageAction::Cancel => "button button-danger",
        _ => "button button-primary",
    };
    let back = request.page_url();
    let confirmed = ActionRequest {
        confirmed: Some(count),
        ..request
    };
    view! {
        <header class="page-head">
            <h1>{confirm.clone()} "?"</h1>
            <p>{of}</p>
        </header>
        {changed}
        <section class="card">
            <form class="card-body" method="post" action=ACT>
                <HiddenFields fields=confirmed.fields() />
                <p>
                    <strong>{effect(action)}</strong>
                    " "
                    {scope}
                </p>
                <div class="buttons">
                    <button class=class type="submit">
                        {confirm}
                    </button>
                    <a class="button button-secondary" href=back>
                        "Back"
                    </a>
                </div>
            </form>
        </section>
    }
    .into_any()
}
