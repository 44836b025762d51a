//! The offer to trust a refused certificate: the relay's own, or a CA of its chain.

use domain::Trace;
use domain::smtp::certificate::Certificate;
use domain::smtp::stage::CertificateFault::{ChainIncomplete, NotTrusted, UnknownIssuer};

use crate::server_prelude::*;
use crate::settings::state::SettingsAction;

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
    // A trusted CA changes nothing about wrong names and dates.
    let unknown_issuer = matches!(
        refused.fault,
        Some(UnknownIssuer | ChainIncomplete | NotTrusted)
    );
    let authorities = chain.filter(|certificate| unknown_issuer && certificate.authority);
    let authorities = authorities.map(|authority| {
        let text = format!("Trust its authority, {}", authority.subject);
        view! { <TrustButton text certificate=authority /> }
    });
    Some(view! {
        <div class="notice notice-warn">
            <p>
                "If this is the relay's certificate, it can be trusted for this relay. First compare its SHA-256 with that of the relay's operator: an attacker on the network path could present another one."
            </p>
            <p class="fingerprint">{own.sha256.clone()}</p>
            <div class="buttons">
                <TrustButton text="Trust this certificate".to_owned() certificate=own />
                {authorities.collect_view()}
            </div>
        </div>
    })
}

#[component]
fn TrustButton(text: String, certificate: Certificate) -> AnyView {
    let action = SettingsAction::Trust(certificate.pem);
    view! {
        <button class="button button-secondary" type="button" data-action=action.attribute()>
            {text}
        </button>
    }
    .into_any()
}
