//! A field of a plain form, one that is posted without any script.

use leptos::prelude::*;

use crate::Reveal;

/// Label, control, hint and fault. `autocomplete` tells a browser and its password manager what
/// belongs here, and whether it is a password.
#[component]
pub fn Field(
    /// Its name in the post, and in a refusal.
    name: &'static str,
    label: &'static str,
    autocomplete: &'static str,
    #[prop(optional)] value: String,
    #[prop(optional)] hint: &'static str,
    fault: Option<String>,
    /// Whether the page is for this field first of all.
    #[prop(optional)]
    first: bool,
) -> impl IntoView {
    let hint_id = (!hint.is_empty()).then(|| format!("{name}-hint"));
    let fault_id = fault.is_some().then(|| format!("{name}-fault"));
    let described: Vec<String> = hint_id.iter().chain(&fault_id).cloned().collect();
    let described = described.join(" ");
    let invalid = fault.is_some();
    let secret = autocomplete.ends_with("password");
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <div class:revealed=secret>
                <input
                    class="control"
                    id=name
                    name=name
                    type=if secret { "password" } else { "text" }
                    inputmode=(!secret).then_some("email")
                    autocomplete=autocomplete
                    autocapitalize="none"
                    spellcheck="false"
                    required
                    autofocus=first
                    value=value
                    aria-describedby=(!described.is_empty()).then_some(described)
                    aria-invalid=invalid.then_some("true")
                />
                {secret.then(|| view! { <Reveal /> })}
            </div>
            {hint_id.map(|id| view! { <p class="field-hint" id=id>{hint}</p> })}
            {fault_id.map(|id| view! { <p class="field-fault" id=id>{fault}</p> })}
        </div>
    }
}
