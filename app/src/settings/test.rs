//! The section that tests the settings on the form: a test message, or a diagnosis.

use domain::EmailAddress;
use leptos::prelude::*;

use super::fields::stop_at_unadded;
use super::run::{Cancel, RunControl, RunReport};
use super::state::{Editor, FormState};
use crate::live::RunKind;
use crate::reactive;

/// The buttons that start a run.
const SEND: &str = "send_test";
const DIAGNOSE: &str = "diagnose";

#[component]
pub fn Test(editor: Editor, not_hydrated: RwSignal<bool>) -> impl IntoView {
    let run = RunControl::new(editor, RunKind::Test.report());
    // The account's own address is the usual recipient.
    let me = editor.peek(|state| state.me.clone());
    let me = if me.parse::<EmailAddress>().is_ok() {
        me
    } else {
        String::new()
    };
    let recipient = RwSignal::new(me);
    let left = RwSignal::new(false);
    let parsed = move || recipient.read().parse::<EmailAddress>();
    let fault = move || (left.get() && !recipient.read().is_empty()).then(|| parsed().err())?;
    let running = move || run.is_running();
    let start = move |kind, button| {
        if untrack(running) {
            return;
        }
        if editor.stop_at_faults() || stop_at_unadded(editor) {
            run.stop_at_faults();
        } else {
            run.start(recipient.get_untracked(), kind, button);
        }
    };
    view! {
        <section class="card test" aria-labelledby="test-title">
            <header class="card-head">
                <h2 id="test-title">"Test and diagnosis"</h2>
                <p>
                    {reactive::text(move || editor.get(tested))}
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
                        start(RunKind::Test, SEND);
                    }
                }
            >
                <fieldset class="test-fields" disabled=not_hydrated>
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
                            aria-invalid=reactive::state(move || fault().is_some())
                            value=recipient.get_untracked()
                            prop:value=recipient
                            on:input:target=move |event| recipient.set(event.target().value())
                            on:change=move |_| left.set(true)
                        />
                        <button
                            class="button button-primary"
                            id=SEND
                            type="submit"
                            disabled=reactive::flag(move || parsed().is_err())
                            aria-busy=reactive::state(running)
                            aria-disabled=reactive::state(running)
                        >
                            "Send test email"
                        </button>
                        <button
                            class="button button-secondary"
                            id=DIAGNOSE
                            type="button"
                            disabled=reactive::flag(move || fault().is_some())
                            aria-disabled=reactive::state(running)
                            on:click=move |_| start(RunKind::Diagnosis, DIAGNOSE)
                        >
                            "Diagnose"
                        </button>
                        <Cancel run />
                    </div>
                    <div class="row-note" aria-live="polite">
                        <p class="field-fault" id="test_recipient-fault">
                            {reactive::maybe(move || fault().map(str::to_owned))}
                        </p>
                    </div>
                </fieldset>
                <RunReport run />
            </form>
        </section>
    }
}

/// Which settings a test would use.
fn tested(state: &FormState) -> &'static str {
    if state.is_dirty() {
        "Tests the form with its unsaved changes."
    } else if state.saved.revision == 0 {
        "Tests the form before it is saved."
    } else {
        "Tests the saved settings."
    }
}
