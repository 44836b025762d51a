//! Trying what is on the form: a test email, or a diagnosis that sends nothing.

use domain::EmailAddress;
use leptos::prelude::*;

use super::editor::Editor;
use super::state::State;
use super::watch::{Cancel, Watch, Watched};
use crate::calls::Trial;
use crate::dom;

/// Where the run is seen, and the buttons that start it.
const PLACE: &str = "test-verdict";
const SEND: &str = "send_test";
const DIAGNOSE: &str = "diagnose";

#[component]
pub fn Testing(editor: Editor, asleep: RwSignal<bool>) -> impl IntoView {
    let watch = Watch::new(editor, PLACE);
    let recipient = RwSignal::new(String::new());
    let left = RwSignal::new(false);
    let parsed = move || recipient.read().trim().parse::<EmailAddress>();
    let fault = move || (left.get() && !recipient.read().is_empty()).then(|| parsed().err())?;
    let running = move || watch.is_running();
    let start = move |trial, button| {
        if untrack(running) {
            return;
        }
        if editor.stop_at_faults() {
            watch.stop_at_faults();
        } else {
            watch.start(recipient.get_untracked(), trial, button);
        }
    };
    view! {
        <section class="card" aria-labelledby="test-title">
            <header class="card-head">
                <h2 id="test-title">"Test and diagnosis"</h2>
                <p>
                    {dom::text(move || editor.get(tested))}
                    " Diagnose goes through every stage and sends nothing; it needs no recipient."
                </p>
            </header>
            <form
                class="card-body"
                aria-labelledby="test-title"
                novalidate
                on:submit=move |event| {
                    event.prevent_default();
                    if untrack(parsed).is_ok() {
                        start(Trial::Mail, SEND);
                    }
                }
            >
                <fieldset class="test-fields" disabled=asleep>
                    <label class="label" for="test_recipient">
                        "Recipient"
                    </label>
                    <div class="test-line">
                        <input
                            class="control"
                            id="test_recipient"
                            name="recipient"
                            type="text"
                            inputmode="email"
                            autocomplete="email"
                            autocapitalize="none"
                            spellcheck="false"
                            placeholder="you@example.org"
                            aria-describedby="test_recipient-fault"
                            aria-invalid=dom::state(move || fault().is_some())
                            prop:value=recipient
                            on:input:target=move |event| recipient.set(event.target().value())
                            on:change=move |_| left.set(true)
                        />
                        <button
                            class="button button-primary"
                            id=SEND
                            type="submit"
                            disabled=dom::flag(move || parsed().is_err())
                            aria-busy=dom::state(running)
                            aria-disabled=dom::state(running)
                        >
                            "Send test email"
                        </button>
                        <button
                            class="button button-secondary"
                            id=DIAGNOSE
                            type="button"
                            disabled=dom::flag(move || fault().is_some())
                            aria-disabled=dom::state(running)
                            on:click=move |_| start(Trial::Diagnosis, DIAGNOSE)
                        >
                            "Diagnose"
                        </button>
                        <Cancel watch />
                    </div>
                    <div class="row-said" aria-live="polite">
                        <p class="field-fault" id="test_recipient-fault">
                            {dom::maybe(move || fault().map(str::to_owned))}
                        </p>
                    </div>
                </fieldset>
                <Watched watch />
            </form>
        </section>
    }
}

/// What a test would test.
fn tested(state: &State) -> &'static str {
    if state.is_dirty() {
        "Tests what is on the form now: changes that are not saved yet."
    } else if state.saved.revision == 0 {
        "Tests what is on the form, before it is saved."
    } else {
        "Tests the saved configuration, as it is on the form."
    }
}
