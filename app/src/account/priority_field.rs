//! A choice of a priority in the form that creates an API token.

use domain::outbox::Priority;

use crate::request::fault;
use crate::server_prelude::*;

/// Label, select, hint and fault. The first choice is none of the classes.
#[component]
pub fn PriorityField(
    /// Its name in the form data, and in a refusal.
    name: &'static str,
    label: &'static str,
    /// The label of the first choice.
    none: &'static str,
    hint: &'static str,
    /// The name of the class that was chosen, or empty.
    value: String,
) -> impl IntoView {
    let hint_id = format!("{name}-hint");
    let fault = fault(name);
    let fault_id = format!("{name}-fault");
    let described = match fault {
        Some(_) => format!("{hint_id} {fault_id}"),
        None => hint_id.clone(),
    };
    let classes = Priority::ALL.iter().map(|class| {
        let chosen = class.as_str() == value;
        view! {
            <option value=class.as_str() selected=chosen>
                {class.title()}
            </option>
        }
    });
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <select
                class="control"
                id=name
                name=name
                aria-describedby=described
                aria-invalid=fault.is_some().then_some("true")
            >
                <option value="">{none}</option>
                {classes.collect_view()}
            </select>
            <p class="field-hint" id=hint_id>{hint}</p>
            {fault.map(|text| view! { <p class="field-fault" id=fault_id>{text}</p> })}
        </div>
    }
}
