//! A field of an HTML form that is posted without WebAssembly.

use crate::RevealPassword;
use crate::server_prelude::*;

/// Label, input, hint and fault. `autocomplete` names the kind of value for browsers and password
/// managers; one that ends in `password` makes it a password input.
#[component]
pub fn FormField(
    /// Its name in the form data, and in a refusal.
    name: &'static str,
    label: &'static str,
    autocomplete: &'static str,
    #[prop(optional)] value: String,
    #[prop(optional, into)] hint: String,
    /// The kind of keyboard; of no use for a password.
    #[prop(default = "email")]
    inputmode: &'static str,
    #[prop(default = true)] required: bool,
    fault: Option<String>,
    /// Whether it has the focus when the page loads.
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
                    inputmode=(!secret).then_some(inputmode)
                    autocomplete=autocomplete
                    autocapitalize="none"
                    spellcheck="false"
                    required=required
                    autofocus=first
                    value=value
                    aria-describedby=(!described.is_empty()).then_some(described)
                    aria-invalid=invalid.then_some("true")
                />
                {secret.then(|| view! { <RevealPassword /> })}
            </div>
            {hint_id.map(|id| view! { <p class="field-hint" id=id>{hint}</p> })}
            {fault_id.map(|id| view! { <p class="field-fault" id=id>{fault}</p> })}
        </div>
    }
}
