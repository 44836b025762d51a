//! The certificates that are trusted for the relay: listed by what stands before each, removed, and
//! added by hand. The server reads them; this side knows nothing of X.509.

use domain::pem::{self, Block, blocks};
use domain::{Label, Refusal};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::web_sys::HtmlInputElement;
use wasm_bindgen_futures::JsFuture;

use super::editor::Editor;
use super::outcome::Outcome;
use super::row::{Row, described};
use super::state::State;
use crate::calls::add_certificates;
use crate::dom;

const LABEL: Label = Label::TrustedCertificates;

/// Only where they count, or there are some.
#[component]
pub fn Trusted(editor: Editor) -> impl IntoView {
    let idle = |state: &State| {
        state.text(LABEL).is_empty()
            && state.pasted.is_empty()
            && state.text(Label::CertificateCheck) != "Trusted"
    };
    view! {
        <div hidden=dom::flag(move || editor.get(idle))>
            <Row editor label=LABEL>
                <ul class="trusted">
                    {move || {
                        let listed = editor.get(|state| state.text(LABEL).to_owned());
                        let blocks = blocks(&listed).unwrap_or_default();
                        let one = |(at, block)| view! { <One editor at words=words(block) /> };
                        blocks.iter().enumerate().map(one).collect_view()
                    }}
                </ul>
                <textarea
                    class="control pem"
                    id=LABEL.as_str()
                    rows="3"
                    placeholder="-----BEGIN CERTIFICATE-----"
                    autocomplete="off"
                    autocapitalize="none"
                    spellcheck="false"
                    aria-describedby=described(LABEL)
                    aria-invalid=dom::state(move || editor.get(|state| state.fault(LABEL).is_some()))
                    prop:value=dom::value(move || editor.get(|state| state.pasted.clone()))
                    on:input:target=move |event| editor.paste(event.target().value())
                ></textarea>
                <div class="pem-acts">
                    <button
                        class="button button-secondary button-small"
                        type="button"
                        on:click=move |_| editor.trust(editor.peek(|state| state.pasted.clone()), true)
                    >
                        "Add CA certificate"
                    </button>
                    <label class="button button-link">
                        "Choose a file"
                        <input
                            class="unseen"
                            type="file"
                            accept=".pem,.crt,.cer,.txt"
                            on:change:target=move |event| read(editor, event.target())
                        />
                    </label>
                </div>
            </Row>
        </div>
    }
}

/// Subject, end and fingerprint of a certificate.
fn words(block: &Block<'_>) -> [String; 3] {
    ["Subject", "Valid until", "SHA-256"].map(|what| block.says(what).to_owned())
}

#[component]
fn One(editor: Editor, at: usize, words: [String; 3]) -> impl IntoView {
    let [subject, until, sha256] = words;
    let day = until.split('T').next().unwrap_or_default().to_owned();
    let remove = format!("Remove {subject}");
    view! {
        <li class="trusted-one">
            <p>
                <strong>{subject}</strong>
                <span>"Valid until " {day}</span>
                <code>{sha256}</code>
            </p>
            <button
                class="button button-secondary button-small"
                type="button"
                aria-label=remove
                on:click=move |_| {
                    editor.change(|state| state.distrust(at));
                    dom::focus(LABEL.as_str());
                }
            >
                "Remove"
            </button>
        </li>
    }
}

impl Editor {
    /// Trusts the certificates in a text, besides those that are listed, and from now on only them.
    /// Whoever pastes one means an authority's, so then `authorities` are demanded; a relay's own
    /// is trusted where it was seen.
    pub fn trust(self, text: String, authorities: bool) {
        spawn_local(async move {
            let listed = self.peek(|state| state.text(LABEL).to_owned());
            // A private key does not even leave the browser.
            let added = match pem::fault(&text) {
                Some(fault) => Err(Refusal::field(LABEL, fault)),
                None => add_certificates(listed, text, authorities).await,
            };
            self.change(|state| match added {
                Ok(text) => state.trust(text),
                Err(refusal) => {
                    if state.refused(&refusal).is_none() {
                        state.outcome = Some(Outcome::Refused(refusal));
                    }
                }
            });
            dom::focus(LABEL.as_str());
        });
    }
}

fn read(editor: Editor, input: HtmlInputElement) {
    let Some(file) = input.files().and_then(|files| files.get(0)) else {
        return;
    };
    spawn_local(async move {
        let text = JsFuture::from(file.text()).await.ok();
        editor.paste(text.and_then(|text| text.as_string()).unwrap_or_default());
        // So that the same file can be chosen again.
        input.set_value("");
    });
}
