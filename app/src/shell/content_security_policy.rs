//! The Content-Security-Policy of the console (CSP level 3), with a nonce for its scripts.

use leptos::{nonce::use_nonce, prelude::*};
use leptos_axum::ResponseOptions;

/// Sets the header of the response under way. Nothing is loaded from elsewhere, and only scripts with
/// the nonce of this response run.
pub fn set() {
    let (Some(nonce), Some(response)) = (use_nonce(), use_context::<ResponseOptions>()) else {
        return;
    };
    let policy = format!(
        "default-src 'none'; script-src 'strict-dynamic' 'nonce-{nonce}' 'wasm-unsafe-eval'; \
         style-src 'self'; font-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'"
    );
    if let (Ok(name), Ok(policy)) = ("content-security-policy".parse(), policy.parse()) {
        response.insert_header(name, policy);
    }
}
