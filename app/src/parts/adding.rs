//! The box that a certificate is pasted into.

use domain::Label;
use leptos::prelude::*;

/// As HTML. Its button says in `data-add` whose text is to be added.
pub fn adding() -> String {
    let id = Label::TrustedCertificates.as_str();
    let place = view! {
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
        <div class="pem-acts">
            <button class="button button-secondary button-small" type="button" data-add=id>
                "Add CA certificate"
            </button>
            <label class="button button-link">
                "Choose a file"
                <input class="unseen" type="file" accept=".pem,.crt,.cer,.txt" />
            </label>
        </div>
    };
    place.to_html()
}
