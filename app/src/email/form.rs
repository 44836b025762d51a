//! The settings form: seven fields, the options folded below, the buttons.

use domain::Label;
use leptos::prelude::*;

use super::acts::{Act, SUBMIT, act};
use super::conflict::Conflict;
use super::editor::Editor;
use super::field::Field;
use super::finding::Finding;
use super::outcome::Told;
use super::password::Password;
use super::state::State;
use crate::dom;

#[component]
pub fn SettingsForm(editor: Editor, asleep: RwSignal<bool>) -> impl IntoView {
    let busy = move || editor.get(|state| state.busy);
    view! {
        <form
            class="card"
            aria-label="SMTP settings"
            novalidate
            on:submit=move |event| {
                event.prevent_default();
                act(editor, Act::Save);
            }
        >
            <fieldset disabled=asleep>
                // Not disabled while it saves: the focus would be lost.
                <div inert=dom::flag(busy)>
                    <Finding editor />
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
                    <Told editor />
                    <div class="buttons">
                        <button
                            class="button button-primary"
                            id=SUBMIT
                            type="submit"
                            aria-busy=dom::state(busy)
                            aria-disabled=dom::state(busy)
                        >
                            "Submit"
                        </button>
                        <button
                            class="button button-secondary"
                            type="button"
                            aria-disabled=dom::state(busy)
                            on:click=move |_| act(editor, Act::Undo)
                        >
                            "Undo Changes"
                        </button>
                    </div>
                </footer>
            </fieldset>
        </form>
    }
}

/// What most people never need.
#[component]
fn Options(editor: Editor) -> impl IntoView {
    let options = || Label::SHOWN.into_iter().filter(|label| label.is_option());
    let set = move || {
        let form = editor.get(State::form);
        let set = options().filter(|label| form.get(*label) != label.default_value());
        let count = set.count();
        (count > 0).then(|| format!("{count} set"))
    };
    view! {
        <details class="options">
            <summary>
                <span class="options-title">"More options"</span>
                <span class="options-set">{dom::maybe(set)}</span>
            </summary>
            <div class="rows">
                {options().map(|label| view! { <Field editor label /> }).collect_view()}
            </div>
        </details>
    }
}
