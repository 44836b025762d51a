//! A row of the form: what it is on the left, the control and what is said about it on the right.

use domain::Label;
use leptos::prelude::*;

use super::control::hint;
use super::editor::Editor;
use crate::dom;

/// The ids a control is described by.
pub fn described(label: Label) -> String {
    let id = label.as_str();
    format!("{id}-hint {id}-fault {id}-note")
}

pub const fn is_required(label: Label) -> bool {
    matches!(label, Label::FromAddress | Label::Host | Label::Port)
}

/// The children keep their type: erased, each would bring code for every way to render it.
#[component]
pub fn Row<C>(editor: Editor, label: Label, children: TypedChildren<C>) -> impl IntoView
where
    C: IntoView + 'static,
{
    let id = label.as_str();
    let children = children.into_inner();
    view! {
        <div class="row">
            <div class="row-title">
                <div class="row-name">
                    <label class="label" for=id>
                        {label.title()}
                    </label>
                    <span class="row-need" aria-hidden="true" hidden=!is_required(label)>
                        "required"
                    </span>
                </div>
                <p class="field-hint" id=format!("{id}-hint")>
                    {hint(label)}
                </p>
            </div>
            <div class="row-control">
                {children()}
                <div class="row-said" aria-live="polite">
                    <p class="field-fault" id=format!("{id}-fault")>
                        {dom::maybe(move || editor.get(|state| state.fault(label)))}
                    </p>
                </div>
            </div>
        </div>
    }
}
