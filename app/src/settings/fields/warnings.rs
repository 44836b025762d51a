//! The cautions and warnings beside a valid field, with a button that repairs the settings.

use domain::Label;
use domain::settings::warnings::SettingsRepair;
use leptos::prelude::*;

use super::control::caution;
use crate::element;
use crate::settings::state::Editor;

#[component]
pub fn Warnings(editor: Editor, label: Label) -> impl IntoView {
    let warnings = move || {
        let state = editor.state.read();
        let caution = caution(label, state.text(label)).map(|text| (text, None));
        let warnings = state.warnings(label);
        let warnings = warnings.map(|warning| (warning.text, Some(warning.repair)));
        let all = caution.into_iter().chain(warnings);
        all.map(|(text, repair)| view! { <Warning editor text repair /> })
            .collect_view()
    };
    view! {
        <div class="row-note" id=format!("{}-note", label.as_str()) aria-live="polite">
            {warnings}
        </div>
    }
}

#[component]
fn Warning(editor: Editor, text: &'static str, repair: Option<SettingsRepair>) -> impl IntoView {
    let button = repair.map(|repair| {
        let SettingsRepair {
            button,
            label,
            value,
        } = repair;
        view! {
            <button
                class="button button-link"
                type="button"
                on:click=move |_| {
                    editor.edit(label, value.to_owned());
                    element::focus(label.as_str());
                }
            >
                {button}
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
