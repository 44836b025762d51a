//! The settings form: seven fields, the options, the buttons.

use domain::Label;
use leptos::prelude::*;

use super::fields::{Field, Password};
use super::find::FindSettings;
use super::save::{Conflict, FormAction, OutcomeNotice, SUBMIT, perform};
use super::state::{Editor, FormState};
use crate::reactive;

#[component]
pub fn SettingsForm(editor: Editor, not_hydrated: RwSignal<bool>) -> impl IntoView {
    let busy = move || editor.get(|state| state.busy);
    view! {
        <form
            class="card"
            aria-label="SMTP settings"
            novalidate
            on:submit=move |event| {
                event.prevent_default();
                perform(editor, FormAction::Save);
            }
        >
            <fieldset disabled=not_hydrated>
                // Inert during a save: disabling the fieldset would lose the focus.
                <div inert=reactive::flag(busy)>
                    <FindSettings editor />
                    <div class="rows">
                        <Field editor label=Label::FromAddress />
                        <Field editor label=Label::Username />
                        <Password editor />
                        <Field editor label=Label::Host />
                        <Field editor label=Label::Port />
                        <Field editor label=Label::ConnectionType />
                        <Field editor label=Label::AuthenticationType />
                    </div>
                    <Options editor />
                </div>
                <footer class="form-foot">
                    <Conflict editor />
                    <OutcomeNotice editor />
                    <div class="buttons">
                        <button
                            class="button button-primary"
                            id=SUBMIT
                            type="submit"
                            aria-busy=reactive::state(busy)
                            aria-disabled=reactive::state(busy)
                        >
                            "Submit"
                        </button>
                        <button
                            class="button button-secondary"
                            type="button"
                            aria-disabled=reactive::state(busy)
                            on:click=move |_| perform(editor, FormAction::Undo)
                        >
                            "Undo Changes"
                        </button>
                    </div>
                </footer>
            </fieldset>
        </form>
    }
}

/// The options, folded.
#[component]
fn Options(editor: Editor) -> impl IntoView {
    let options = || Label::SHOWN.into_iter().filter(|label| label.is_option());
    let set = move || {
        let form = editor.get(FormState::form);
        let set = options().filter(|label| form.get(*label) != label.default_value());
        let count = set.count();
        (count > 0).then(|| format!("{count} set"))
    };
    view! {
        <details class="options">
            <summary>
                <span class="options-title">"More options"</span>
                <span class="options-set">{reactive::maybe(set)}</span>
            </summary>
            <div class="rows">
                {options().map(|label| view! { <Field editor label /> }).collect_view()}
            </div>
        </details>
    }
}
