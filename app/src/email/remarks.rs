//! What is said beside a field that is valid: a caution, or an odd pair with its repair.

use domain::Label;
use leptos::prelude::*;

use super::control::caution;
use super::editor::Editor;
use crate::dom;

#[component]
pub fn Remarks(editor: Editor, label: Label) -> impl IntoView {
    let remarks = move || {
        let state = editor.state.read();
        let caution = caution(label, state.text(label)).map(|text| (text, None));
        let odd = state.odd(label);
        let odd = odd.map(|pair| (pair.text, Some((pair.repair, pair.set))));
        let remarks = caution.into_iter().chain(odd);
        remarks
            .map(|(text, repair)| view! { <Remark editor text repair /> })
            .collect_view()
    };
    view! {
        <div class="row-said" id=format!("{}-note", label.as_str()) aria-live="polite">
            {remarks}
        </div>
    }
}

/// What a button says, and what it sets.
type Repair = (&'static str, (Label, &'static str));

#[component]
fn Remark(editor: Editor, text: &'static str, repair: Option<Repair>) -> impl IntoView {
    let button = repair.map(|(words, (label, value))| {
        view! {
            <button
                class="button button-link"
                type="button"
                on:click=move |_| {
                    editor.edit(label, value.to_owned());
                    dom::focus(label.as_str());
                }
            >
                {words}
            </button>
        }
    });
    view! {
        <div class="notice notice-warn notice-small">
            <p>{text}</p>
            {button}
        </div>
    }
}
