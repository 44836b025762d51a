//! What is to be done about keys, above their lists.

use domain::crypto::keys::{KeysView, SealingKeyState};

use crate::components::exact;
use crate::server_prelude::*;

/// Values that do not open, keys without a file, a key that waits for files, and one that is old.
#[component]
pub fn KeyNotices(view: KeysView) -> AnyView {
    let lost = match view.to_enter_again() {
        0 => None,
        1 => Some("1 secret does not open".to_owned()),
        number => Some(format!("{number} secrets do not open")),
    };
    let lost = lost.map(|what| {
        let text = format!(
            "{what}, as the file of a key is lost or damaged. Restore the file in the folder keys of the data folder, with the mode 600, and the secrets open at once. Without it, enter passwords of relays again, make new secrets of webhooks and new DKIM keys, and remove the second factors of the accounts. Everything else works meanwhile."
        );
        view! {
            <div class="notice notice-bad">
                <p>{text}</p>
            </div>
        }
    });
    let in_memory: Vec<AnyView> = view
        .in_memory_only()
        .map(|key| {
            let text = format!(
                "The file {}.key is gone from the folder keys of the data folder, or is damaged. This process has the key in memory and opens what it sealed until it ends. Restore the file before that, with the mode 600, or make a new key: everything is then sealed anew with that one.",
                key.id
            );
            view! {
                <div class="notice notice-bad">
                    <p>{text}</p>
                </div>
            }
            .into_any()
        })
        .collect();
    let mut keys = view.sealing.iter();
    let waiting = keys.find(|key| key.state == SealingKeyState::Waiting);
    let waiting = waiting.map(|key| {
        let text = match view.without_file.as_slice() {
            [] => format!(
                "Every node has the file of {}. It seals within seconds.",
                key.id
            ),
            nodes => format!(
                "{} seals as soon as every node has its file. Copy {}.key to {}.",
                key.id,
                key.id,
                nodes.join(" and to ")
            ),
        };
        view! {
            <div class="notice notice-warn">
                <p>{text}</p>
            </div>
        }
    });
    let old = view.due_for_rotation().map(|made| {
        let text = format!(
            "The key that seals stored secrets was made on {}, more than a year ago. Make a new one.",
            exact(made)
        );
        view! {
            <div class="notice notice-warn">
                <p>{text}</p>
            </div>
        }
    });
    view! {
        {lost}
        {in_memory}
        {waiting}
        {old}
    }
    .into_any()
}
