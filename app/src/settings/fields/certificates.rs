//! The trusted certificates: listed, removed, and added from a box or a file.
//!
//! The server reads the certificates and puts a description before each; the browser has no X.509.

use domain::crypto::pem;
use domain::{Label, Refusal};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::web_sys::HtmlInputElement;
use wasm_bindgen_futures::JsFuture;

use super::entries::{Entries, Entry};
use crate::element;
use crate::server_fns::add_certificates;
use crate::settings::state::{Editor, FormOutcome, FormState, SettingsAction};
use crate::settings::static_parts;

const LABEL: Label = Label::TrustedCertificates;

#[component]
pub fn TrustedCertificates(editor: Editor) -> impl IntoView {
    view! {
        <div class="trusted">
            <Entries editor entries />
        </div>
        <div
            id=static_parts::CERTIFICATE_BOX
            on:change=move |event| add_file(editor, event_target(&event))
        ></div>
    }
}

fn entries(state: &FormState) -> Vec<Entry> {
    let listed = pem::blocks(state.text(LABEL)).unwrap_or_default();
    let entries = listed.iter().enumerate().map(|(index, block)| {
        let description = block.preamble.trim();
        let (title, detail) = description.split_once('\n').unwrap_or((description, ""));
        Entry {
            title: title.to_owned(),
            detail: detail.to_owned(),
            button: "Remove",
            label: format!("Remove {title}"),
            pressed: None,
            action: SettingsAction::RemoveCertificate(index),
        }
    });
    entries.collect()
}

/// Adds the certificates of a file that was chosen.
fn add_file(editor: Editor, input: HtmlInputElement) {
    let Some(file) = input.files().and_then(|files| files.get(0)) else {
        return;
    };
    spawn_local(async move {
        let text = JsFuture::from(file.text()).await.ok();
        if let Some(text) = text.and_then(|text| text.as_string()) {
            trust(editor, text, true);
        }
        // Allows the same file to be chosen again.
        input.set_value("");
    });
}

/// Refuses a certificate that was pasted but not added, because a save would lose it. Returns
/// whether there is one.
pub fn stop_at_unadded(editor: Editor) -> bool {
    let trusting = editor.peek(|state| state.text(Label::CertificateCheck) == "Trusted");
    let area = element::text_area(LABEL.as_str()).filter(|_| trusting);
    let unadded = area.is_some_and(|area| !area.value().trim().is_empty());
    let text = "Press Add CA certificate first, or empty the box.";
    unadded && editor.go_to(editor.change(|state| state.refused(&Refusal::field(LABEL, text))))
}

/// Adds the CA certificates in the box.
pub fn add_pasted(editor: Editor) {
    if let Some(area) = element::text_area(LABEL.as_str()) {
        trust(editor, area.value(), true);
    }
}

/// Adds certificates to the trusted ones, and sets the certificate check to Trusted. With
/// `authorities` a CA certificate must be among them: a relay's own certificate is trusted from
/// the report of a run that has seen it.
pub fn trust(editor: Editor, text: String, authorities: bool) {
    spawn_local(async move {
        let listed = editor.peek(|state| state.text(LABEL).to_owned());
        // A private key is refused here, so that it never leaves the browser.
        let added = match pem::fault(&text) {
            Some(fault) => Err(Refusal::field(LABEL, fault)),
            None => add_certificates(listed, text, authorities).await,
        };
        let is_added = added.is_ok();
        editor.change(|state| match added {
            Ok(text) => {
                state.trust(text);
                state.outcome = Some(FormOutcome::Trusting);
            }
            Err(refusal) => {
                state.refused(&refusal);
                state.outcome = Some(FormOutcome::Refused(refusal));
            }
        });
        if let Some(area) = element::text_area(LABEL.as_str()).filter(|_| is_added) {
            area.set_value("");
        }
        element::focus(LABEL.as_str());
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::state::form_tests::state;

    #[test]
    fn a_certificate_is_listed_by_its_description() {
        let mut state = state();
        state.trust(
            "Subject: <img src=x> & co\nIssuer: x\n-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n\
             Subject: b\n-----BEGIN CERTIFICATE-----\nBB\n-----END CERTIFICATE-----"
                .to_owned(),
        );
        let entries = entries(&state);
        let shown: Vec<_> = entries
            .iter()
            .map(|e| (e.title.as_str(), e.detail.as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                ("Subject: <img src=x> & co", "Issuer: x"),
                ("Subject: b", "")
            ]
        );
        assert_eq!(entries[1].action, SettingsAction::RemoveCertificate(1));
    }
}
