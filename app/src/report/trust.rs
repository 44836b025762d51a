//! Trusting a certificate that did not pass: the relay's own, or the authority it sent.

use domain::Trace;
use domain::certificate::Certificate;
use domain::stage::CertificateFault::{ChainIncomplete, NotTrusted, UnknownIssuer};
use leptos::prelude::*;

#[component]
pub fn Trust(trace: Trace) -> impl IntoView {
    let handshake = trace
        .steps
        .into_iter()
        .rev()
        .find_map(|step| step.handshake);
    let refused = handshake.filter(|handshake| handshake.checked && handshake.fault.is_some())?;
    let mut chain = refused.chain.into_iter();
    let own = chain.next()?;
    // An authority vouches for names and dates too, so it mends only a stranger's signature.
    let strange = matches!(
        refused.fault,
        Some(UnknownIssuer | ChainIncomplete | NotTrusted)
    );
    let authorities = chain.filter(|certificate| strange && certificate.authority);
    let authorities = authorities.map(|authority| {
        let words = format!("Trust its authority, {}", authority.subject);
        view! { <Button words certificate=authority /> }
    });
    Some(view! {
        <div class="notice notice-warn">
            <p>
                "If this certificate is meant to be there, it can be trusted for this relay. Compare its SHA-256 with whoever runs the relay first: somebody on the way could show one of their own."
            </p>
            <p class="fingerprint">{own.sha256.clone()}</p>
            <div class="buttons">
                <Button words="Trust this certificate".to_owned() certificate=own />
                {authorities.collect_view()}
            </div>
        </div>
    })
}

#[component]
fn Button(words: String, certificate: Certificate) -> impl IntoView {
    view! {
        <button class="button button-secondary" type="button" data-trust=certificate.pem>
            {words}
        </button>
    }
}
