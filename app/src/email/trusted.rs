//! The certificates that are trusted for the relay: listed by the words before each, removed, and
//! added by hand. The server reads them; this side knows nothing of X.509.

use domain::pem;
use domain::{Label, Refusal};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::web_sys::HtmlInputElement;
use wasm_bindgen_futures::JsFuture;

use super::editor::Editor;
use super::outcome::Outcome;
use crate::calls::add_certificates;
use crate::dom;

const LABEL: Label = Label::TrustedCertificates;

#[component]
pub fn Trusted(editor: Editor) -> impl IntoView {
    let list = dom::value(move || editor.get(|state| listed(state.text(LABEL))));
    view! {
        <div class="trusted" inner_html=list></div>
        <div
            inner_html=dom::value(adding)
            on:change=move |event| read(editor, event_target(&event))
        ></div>
    }
}

/// Views of a list that changes cost the browser three times as much.
fn listed(text: &str) -> String {
    let mut html = String::new();
    for (at, block) in pem::blocks(text).unwrap_or_default().iter().enumerate() {
        let words = block.preamble.replace('&', "&amp;").replace('<', "&lt;");
        // The line break before the words goes with the tag.
        html += &format!(
            "<li><pre id=trusted-{at}>{words}</pre><button class='button button-secondary button-small' type=button aria-describedby=trusted-{at} data-remove={at}>Remove</button></li>"
        );
    }
    if html.is_empty() {
        html
    } else {
        format!("<ul class=entries>{html}</ul>")
    }
}

/// What a certificate is added with. It comes with the page; the browser has it there already.
fn adding() -> String {
    #[cfg(feature = "ssr")]
    return crate::parts::adding();
    #[cfg(not(feature = "ssr"))]
    String::new()
}

/// A file that was chosen is added like what is pasted.
fn read(editor: Editor, input: HtmlInputElement) {
    let Some(file) = input.files().and_then(|files| files.get(0)) else {
        return;
    };
    spawn_local(async move {
        let text = JsFuture::from(file.text()).await.ok();
        if let Some(text) = text.and_then(|text| text.as_string()) {
            editor.trust(text, true);
        }
        // So that the same file can be chosen again.
        input.set_value("");
    });
}

impl Editor {
    /// Stops at a certificate that was pasted and not added: it would be lost.
    pub fn stop_at_leftover(self) -> bool {
        let trusting = self.peek(|state| state.text(Label::CertificateCheck) == "Trusted");
        let area = dom::area(LABEL.as_str()).filter(|_| trusting);
        let is_left = area.is_some_and(|area| !area.value().trim().is_empty());
        let text = "Press Add CA certificate first, or empty the box.";
        is_left && self.go_to(self.change(|state| state.refused(&Refusal::field(LABEL, text))))
    }

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
            let is_added = added.is_ok();
            self.change(|state| match added {
                Ok(text) => {
                    state.trust(text);
                    state.outcome = Some(Outcome::Trusting);
                }
                Err(refusal) => {
                    state.refused(&refusal);
                    state.outcome = Some(Outcome::Refused(refusal));
                }
            });
            if let Some(area) = dom::area(LABEL.as_str()).filter(|_| is_added) {
                area.set_value("");
            }
            dom::focus(LABEL.as_str());
        });
    }
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn what_a_certificate_says_is_text_and_nothing_else() {
        let text = "Subject: <img src=x> & co\n-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n\
                    Subject: b\n-----BEGIN CERTIFICATE-----\nBB\n-----END CERTIFICATE-----";
        let html = listed(text);
        assert!(
            html.contains("<pre id=trusted-0>Subject: &lt;img src=x> &amp; co</pre>"),
            "{html}"
        );
        assert!(
            html.contains("<pre id=trusted-1>\nSubject: b</pre>") && html.contains("data-remove=1")
        );
        assert_eq!(listed(""), "");
    }
}
