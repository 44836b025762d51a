//! The keys in their lists.

use domain::crypto::keys::{BrowserKeyView, SealingKeyState, SealingKeyView};

use super::RETIRE_KEY;
use crate::components::{ActionButton, Time};
use crate::server_prelude::*;

/// The badge of a state: its class and its text.
const fn badge(state: SealingKeyState) -> [&'static str; 2] {
    match state {
        SealingKeyState::Waiting => ["badge badge-warn", "Waits for its file"],
        SealingKeyState::Active => ["badge badge-good", "Seals"],
        SealingKeyState::Old => ["badge badge-plain", "Replaced"],
        SealingKeyState::Lost => ["badge badge-bad", "File lost"],
        SealingKeyState::Damaged => ["badge badge-bad", "File damaged"],
    }
}

/// What a key seals, as a sentence.
fn sealed(key: &SealingKeyView) -> String {
    let counted = key.counted();
    match key.state {
        SealingKeyState::Waiting => "Seals as soon as every node has its file.".to_owned(),
        SealingKeyState::Active => format!("Seals {counted}."),
        SealingKeyState::Old if key.number() == 0 => {
            "Seals nothing any more and can be retired.".to_owned()
        }
        SealingKeyState::Old => format!("Still to be sealed anew: {counted}."),
        SealingKeyState::Lost | SealingKeyState::Damaged if key.number() == 0 => {
            "Sealed nothing that is still stored and can be retired.".to_owned()
        }
        SealingKeyState::Lost | SealingKeyState::Damaged => {
            format!("Does not open what it sealed: {counted}.")
        }
    }
}

#[component]
pub fn SealingKeyRow(key: SealingKeyView) -> AnyView {
    let [class, text] = badge(key.state);
    let may_retire = key.state != SealingKeyState::Active && key.number() == 0;
    let retire = may_retire.then(|| {
        view! {
            <div class="actions">
                <ActionButton
                    action=RETIRE_KEY
                    text="Retire"
                    about=key.id.clone()
                    fields=vec![("id", key.id.clone())]
                />
            </div>
        }
    });
    let in_memory = key
        .is_in_memory_only
        .then(|| view! { <span class="badge badge-bad">"File gone"</span> });
    view! {
        <li>
            <div class="suppression-info">
                <strong class="relay-name">
                    <code>{key.id.clone()}</code> <span class=class>{text}</span> {in_memory}
                </strong>
                <span class="mail-detail">"Made " <Time at=key.created_at /></span>
                <span class="mail-detail">{sealed(&key)}</span>
            </div>
            {retire}
        </li>
    }
    .into_any()
}

#[component]
pub fn BrowserKeyRow(key: BrowserKeyView) -> AnyView {
    let [class, text] = match key.is_published {
        true => ["badge badge-good", "Published"],
        false => ["badge badge-plain", "Replaced"],
    };
    let uses = match key.uses {
        1 => "1 password was sealed for it.".to_owned(),
        number => format!("{number} passwords were sealed for it."),
    };
    view! {
        <li>
            <div class="suppression-info">
                <strong class="relay-name">
                    <code>{key.id}</code> <span class=class>{text}</span>
                </strong>
                <span class="mail-detail">
                    "Made " <Time at=key.created_at /> ", accepted until "
                    <Time at=key.accepted_until />
                </span>
                <span class="mail-detail">{uses}</span>
            </div>
        </li>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::crypto::keys::{SealedCount, SealedKind};

    use super::*;

    #[test]
    fn a_row_says_what_a_key_seals() {
        use SealingKeyState::{Active, Damaged, Lost, Old, Waiting};
        for (state, number, expected) in [
            (Active, 1, "Seals 1 webhook secret."),
            (Active, 0, "Seals no values."),
            (Old, 2, "Still to be sealed anew: 2 webhook secrets."),
            (Old, 0, "Seals nothing any more and can be retired."),
            (Waiting, 0, "Seals as soon as every node has its file."),
            (Lost, 1, "Does not open what it sealed: 1 webhook secret."),
            (
                Damaged,
                0,
                "Sealed nothing that is still stored and can be retired.",
            ),
        ] {
            let kind = SealedKind::WebhookSecret;
            let counts = [SealedCount { kind, number }];
            let key = SealingKeyView {
                id: String::new(),
                created_at: Timestamp(0),
                state,
                is_in_memory_only: false,
                values: counts.into_iter().filter(|_| number > 0).collect(),
            };
            assert_eq!(sealed(&key), expected, "{state:?}");
        }
    }
}
