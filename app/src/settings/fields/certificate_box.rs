//! The box that a CA certificate is pasted into, or read from a file.

use domain::Label;

use crate::server_prelude::*;
use crate::settings::state::SettingsAction;

/// A text area, a button and a file input.
#[component]
pub fn CertificateBox() -> impl IntoView {
    let id = Label::TrustedCertificates.as_str();
    view! {
        <textarea
            class="control pem"
            id=id
            rows="3"
            placeholder="-----BEGIN CERTIFICATE-----"
            autocomplete="off"
            autocapitalize="none"
            spellcheck="false"
            aria-describedby=format!("{id}-hint {id}-fault")
        ></textarea>
        <div class="pem-tools">
            <button
                class="button button-secondary button-small"
                type="button"
                data-action=SettingsAction::AddCertificates.attribute()
            >
                "Add CA certificate"
            </button>
            <label class="button button-link">
                "Choose a file"
                <input class="sr-only" type="file" accept=".pem,.crt,.cer,.txt" />
            </label>
        </div>
    }
}
