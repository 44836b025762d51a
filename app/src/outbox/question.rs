//! What is asked back before an act touches many mails, or cannot be taken back.

use domain::outbox::{MessageAction, Selection};
use leptos::prelude::*;

use super::address::Errand;
use super::format::{counted, grouped, promise, sought, states, verb};

#[component]
pub fn Question(errand: Errand, number: i64) -> impl IntoView {
    let act = errand.act;
    let mails = counted(number, "mail");
    let of = match &errand.selection {
        Selection::One(_) => "One message, for one recipient.".to_owned(),
        Selection::Message(_) => "One message, for all its recipients.".to_owned(),
        Selection::Matching(search) => match sought(search) {
            Some(sought) => format!("All that match: {sought}."),
            None => "All mail of this outbox.".to_owned(),
        },
    };
    let touched = format!(
        "Counted is what is {}, and not being sent at this moment.",
        states(act)
    );
    let changed = errand.said.filter(|said| *said != number).map(|said| {
        let now = grouped(number);
        let text = format!(
            "It was {} when you were asked, and is {now} now.",
            grouped(said)
        );
        view! { <div class="notice notice-warn" role="alert">{text}</div> }
    });
    if number == 0 {
        return view! {
            <header class="page-head">
                <h1>"There is nothing to " {verb(act).to_lowercase()}</h1>
                <p>{of}</p>
            </header>
            <section class="card">
                <div class="card-body">
                    <p>{touched}</p>
                    <div class="buttons">
                        <a class="button button-secondary" href=errand.back()>
                            "Back"
                        </a>
                    </div>
                </div>
            </section>
        }
        .into_any();
    }
    let agree = format!("{} {mails}", verb(act));
    let class = match act {
        MessageAction::Cancel => "button button-danger",
        _ => "button button-primary",
    };
    let fields = errand.pairs().into_iter().map(|(name, value)| {
        view! { <input type="hidden" name=name value=value /> }
    });
    view! {
        <header class="page-head">
            <h1>{agree.clone()} "?"</h1>
            <p>{of}</p>
        </header>
        {changed}
        <section class="card">
            <form class="card-body" method="post" action="/outbox/act">
                {fields.collect_view()}
                <input type="hidden" name="said" value=number />
                <p>
                    <strong>{promise(act, number)}</strong>
                    " "
                    {touched}
                </p>
                <div class="buttons">
                    <button class=class type="submit">
                        {agree}
                    </button>
                    <a class="button button-secondary" href=errand.back()>
                        "Back"
                    </a>
                </div>
            </form>
        </section>
    }
    .into_any()
}
