//! The action buttons of administrators. Bulk actions and cancelling ask for confirmation first.

use domain::outbox::{MessageAction, RecipientState, Selection};

use super::request::ActionRequest;
use crate::components::HiddenFields;
use crate::outbox::format::verb;
use crate::outbox::paths::ACT;
use crate::server_prelude::*;

/// The actions for messages in these states; the one that cannot be undone comes last.
fn offered(states: &[RecipientState]) -> impl Iterator<Item = MessageAction> {
    [
        MessageAction::Retry,
        MessageAction::Resend,
        MessageAction::Release,
        MessageAction::Hold,
        MessageAction::Cancel,
    ]
    .into_iter()
    .filter(|action| {
        action
            .applies_to()
            .iter()
            .any(|state| states.contains(state))
    })
}

/// The actions on a whole selection, each with a confirmation.
#[component]
pub fn BulkActions(
    selection: Selection,
    states: Vec<RecipientState>,
    #[prop(into)] of: String,
) -> impl IntoView {
    let actions = offered(&states).filter(|action| *action != MessageAction::Resend);
    let actions: Vec<MessageAction> = actions.collect();
    if actions.is_empty() {
        return None;
    }
    let actions = actions.into_iter().map(|action| {
        let label = format!("{} {}", verb(action), lowered(&of));
        view! { <ConfirmLink request=request(action, &selection) label text=verb(action) /> }
    });
    Some(view! {
        <div class="actions">
            <span class="actions-target">{of.clone()}</span>
            {actions.collect_view()}
        </div>
    })
}

/// With a lower-case first letter.
fn lowered(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

/// The actions on one recipient of a message.
#[component]
pub fn RecipientActions(
    selection: Selection,
    states: Vec<RecipientState>,
    #[prop(into)] of: String,
) -> impl IntoView {
    let actions: Vec<MessageAction> = offered(&states).collect();
    if actions.is_empty() {
        return None;
    }
    let actions = actions.into_iter().map(|action| {
        let request = request(action, &selection);
        let label = format!("{} {of}", verb(action));
        if matches!(action, MessageAction::Cancel | MessageAction::Resend) {
            return view! { <ConfirmLink request label text=verb(action) /> }.into_any();
        }
        view! {
            <form method="post" action=ACT>
                <HiddenFields fields=request.fields() />
                <button
                    class="button button-secondary button-small"
                    type="submit"
                    aria-label=label
                >
                    {verb(action)}
                </button>
            </form>
        }
        .into_any()
    });
    Some(view! { <div class="actions">{actions.collect_view()}</div> })
}

fn request(action: MessageAction, selection: &Selection) -> ActionRequest {
    ActionRequest {
        action,
        selection: selection.clone(),
        confirmed: None,
    }
}

#[component]
fn ConfirmLink(request: ActionRequest, label: String, text: &'static str) -> AnyView {
    let class = match request.action {
        MessageAction::Cancel => "button button-danger button-small",
        _ => "button button-secondary button-small",
    };
    view! {
        <a class=class href=request.confirm_url() aria-label=format!("{label}…")>
            {text}
            "…"
        </a>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_actions_that_apply_are_offered() {
        for (states, actions) in [
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
            (&[RecipientState::Cancelled], &[]),
            (&[RecipientState::Delivered], &[MessageAction::Resend]),
            (
                RecipientState::ALL,
                &[
                    MessageAction::Retry,
                    MessageAction::Resend,
                    MessageAction::Release,
                    MessageAction::Hold,
                    MessageAction::Cancel,
                ],
            ),
        ] {
            assert_eq!(offered(states).collect::<Vec<_>>(), actions);
        }
    }
}
