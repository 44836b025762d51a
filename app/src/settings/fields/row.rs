//! A row of the form: label and hint on the left, the input and its fault on the right.

use domain::Label;
use leptos::prelude::*;

use super::control::hint;
use crate::reactive;
use crate::settings::state::Editor;

/// The ids of `aria-describedby`.
pub fn described(label: Label) -> String {
    let id = label.as_str();
    format!("{id}-hint {id}-fault {id}-note")
}

/// Whether the field must not be empty.
pub const fn is_required(label: Label) -> bool {
    matches!(label, Label::FromAddress | Label::Host | Label::Port)
}

/// Whether the environment of Postern sets the field.
pub fn is_locked(editor: Editor, label: Label) -> bool {
    editor.peek(|state| state.saved.lock(label).is_some())
}

/// What belongs into the field, or the variable that sets it.
fn help(editor: Editor, label: Label) -> String {
    editor.peek(|state| match state.saved.lock(label) {
        Some(variable) => ["Set by ", variable, " in the environment of Postern."].concat(),
        None => hint(label).to_owned(),
    })
}

/// The type of the children is kept: erased views would add all ways of rendering to the bundle.
#[component]
pub fn FieldRow<C>(editor: Editor, label: Label, children: TypedChildren<C>) -> impl IntoView
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
                    <span class="row-mark" aria-hidden="true" hidden=!is_required(label)>
                        "required"
                    </span>
                </div>
                <p class="field-hint" id=format!("{id}-hint")>
                    {help(editor, label)}
                </p>
            </div>
            <div class="row-control">
                {children()}
                <div class="row-note" aria-live="polite">
                    <p class="field-fault" id=format!("{id}-fault")>
                        {reactive::maybe(move || editor.get(|state| state.fault(label)))}
                    </p>
                </div>
            </div>
        </div>
    }
}
