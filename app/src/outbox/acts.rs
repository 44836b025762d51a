//! What an administrator may do with mail. One mail is a press of a button, what cannot be taken
//! back and what touches many is asked back on a page of its own.

use domain::outbox::{MessageAction, RecipientState, Selection};
use leptos::prelude::*;

use super::address::Errand;
use super::format::verb;

/// The acts for mail in these states; what cannot be taken back is the last one.
fn offered(states: &[RecipientState]) -> impl Iterator<Item = MessageAction> {
    [
        MessageAction::Retry,
        MessageAction::Release,
        MessageAction::Hold,
        MessageAction::Cancel,
    ]
    .into_iter()
    .filter(|act| act.applies_to().iter().any(|state| states.contains(state)))
}

/// What may be done with all that is selected, each after a question. Nothing where nothing may.
#[component]
pub fn BulkActs(
    selection: Selection,
    states: Vec<RecipientState>,
    #[prop(into)] of: String,
) -> impl IntoView {
    let acts: Vec<MessageAction> = offered(&states).collect();
    if acts.is_empty() {
        return None;
    }
    let acts = acts.into_iter().map(|act| {
        let label = format!("{} {}", verb(act), lowered(&of));
        view! { <Question errand=errand(act, &selection) label text=verb(act) /> }
    });
    Some(view! {
        <div class="acts">
            <span class="acts-of">{of.clone()}</span>
            {acts.collect_view()}
        </div>
    })
}

/// As it stands within a sentence.
fn lowered(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

/// What may be done with one mail.
#[component]
pub fn OneActs(
    selection: Selection,
    states: Vec<RecipientState>,
    #[prop(into)] of: String,
) -> impl IntoView {
    let acts: Vec<MessageAction> = offered(&states).collect();
    if acts.is_empty() {
        return None;
    }
    let acts = acts.into_iter().map(|act| {
        let errand = errand(act, &selection);
        let label = format!("{} {of}", verb(act));
        if act == MessageAction::Cancel {
            return view! { <Question errand label text=verb(act) /> }.into_any();
        }
        let fields = errand.pairs().into_iter().map(|(name, value)| {
            view! { <input type="hidden" name=name value=value /> }
        });
        view! {
            <form method="post" action="/outbox/act">
                {fields.collect_view()}
                <button
                    class="button button-secondary button-small"
                    type="submit"
                    aria-label=label
                >
                    {verb(act)}
                </button>
            </form>
        }
        .into_any()
    });
    Some(view! { <div class="acts">{acts.collect_view()}</div> })
}

fn errand(act: MessageAction, selection: &Selection) -> Errand {
    Errand {
        act,
        selection: selection.clone(),
        said: None,
    }
}

#[component]
fn Question(errand: Errand, label: String, text: &'static str) -> impl IntoView {
    let class = match errand.act {
        MessageAction::Cancel => "button button-danger button-small",
        _ => "button button-secondary button-small",
    };
    view! {
        <a class=class href=errand.question() aria-label=format!("{label}…")>
            {text}
            "…"
        </a>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_applies_is_offered() {
        for (states, acts) in [
            (
                &[RecipientState::Failed][..],
                &[MessageAction::Retry, MessageAction::Cancel][..],
            ),
            (
                &[RecipientState::Held],
                &[MessageAction::Release, MessageAction::Cancel],
            ),
            (
                &[RecipientState::Queued],
                &[MessageAction::Hold, MessageAction::Cancel],
            ),
            (&[RecipientState::Delivered, RecipientState::Cancelled], &[]),
            (
                RecipientState::ALL,
                &[
                    MessageAction::Retry,
                    MessageAction::Release,
                    MessageAction::Hold,
                    MessageAction::Cancel,
                ],
            ),
        ] {
            assert_eq!(offered(states).collect::<Vec<_>>(), acts);
        }
    }
}
