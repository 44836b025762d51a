//! Send test email: what is on the form, tried for real, told while it happens.

mod listen;
mod run;
mod stages;
mod verdict;

use domain::EmailAddress;
use leptos::prelude::*;

use super::editor::Editor;
use super::state::State;
use crate::dom;
use listen::{SEND, Tester};
use stages::Stages;
use verdict::Verdict;

#[component]
pub fn Testing(editor: Editor, asleep: RwSignal<bool>) -> impl IntoView {
    let tester = Tester::new(editor);
    let recipient = RwSignal::new(String::new());
    let left = RwSignal::new(false);
    let parsed = move || recipient.read().trim().parse::<EmailAddress>();
    let fault = move || (left.get() && !recipient.read().is_empty()).then(|| parsed().err())?;
    let running = move || tester.is_running();
    view! {
        <section class="card" aria-labelledby="test-title">
            <header class="card-head">
                <h2 id="test-title">"Send test email"</h2>
                <p>
                    {dom::text(move || editor.get(tested))}
                </p>
            </header>
            <form
                class="card-body"
                aria-labelledby="test-title"
                novalidate
                on:submit=move |event| {
                    event.prevent_default();
                    if let Ok(recipient) = untrack(parsed) {
                        tester.start(recipient.to_string());
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
                            type="button"
                            hidden=dom::flag(move || !running())
                            on:click=move |_| tester.cancel()
                        >
                            "Cancel"
                        </button>
                    </div>
                    <div class="row-said" aria-live="polite">
                        <p class="field-fault" id="test_recipient-fault">
                            {dom::maybe(move || fault().map(str::to_owned))}
                        </p>
                    </div>
                </fieldset>
                <Stages run=tester.run />
                <Verdict run=tester.run />
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
