//! The details of a stage: addresses, handshake, capabilities, the dialogue.

use domain::diagnosis::event::{ConnectAttempt, DialogueLine, Resolution, Side};
use domain::diagnosis::trace::Step;
use domain::smtp::capability::Capability;
use domain::smtp::certificate::{Certificate, Handshake};

use crate::components::Time;
use crate::server_prelude::*;

#[component]
pub fn StageMore(step: Step) -> AnyView {
    let lines = (!step.lines.is_empty()).then(|| view! { <Lines lines=step.lines /> });
    view! {
        <div class="stage-detail">
            {step.resolution.map(|resolution| view! { <Lookup resolution /> })}
            {(!step.tries.is_empty()).then(|| view! { <Tries tries=step.tries /> })}
            {step.handshake.map(|handshake| view! { <Encryption handshake /> })} {lines}
            {(!step.capabilities.is_empty())
                .then(|| view! { <Capabilities capabilities=step.capabilities /> })}
        </div>
    }
    .into_any()
}

#[component]
fn Lookup(resolution: Resolution) -> AnyView {
    let aliases = (!resolution.aliases.is_empty()).then(|| {
        view! {
            <dt>"Alias of"</dt>
            <dd>{resolution.aliases.join(", ")}</dd>
        }
    });
    let addresses: Vec<String> = resolution
        .addresses
        .iter()
        .map(ToString::to_string)
        .collect();
    let addresses = match addresses.as_slice() {
        [] => "none".to_owned(),
        some => some.join(", "),
    };
    view! {
        <dl class="facts">
            <dt>"Name"</dt>
            <dd>{resolution.name}</dd>
            <dt>"Asked"</dt>
            <dd>{resolution.resolver}</dd>
            {aliases}
            <dt>"Addresses"</dt>
            <dd>{addresses}</dd>
        </dl>
    }
    .into_any()
}

#[component]
fn Tries(tries: Vec<ConnectAttempt>) -> AnyView {
    let tries = tries.into_iter().map(|tried| {
        let outcome = format!("{}, {}", tried.outcome.description(), tried.milliseconds);
        view! {
            <dt>{tried.address}</dt>
            <dd>{outcome}</dd>
        }
    });
    view! { <dl class="facts">{tries.collect_view()}</dl> }.into_any()
}

#[component]
fn Encryption(handshake: Handshake) -> AnyView {
    let chain = handshake.chain.into_iter().zip(1..);
    let chain = chain.map(|(certificate, place)| view! { <CertificateFacts certificate place /> });
    view! {
        <dl class="facts">
            {handshake
                .version
                .map(|version| {
                    view! {
                        <dt>"Encryption"</dt>
                        <dd>{version} {handshake.cipher.map(|cipher| format!(", {cipher}"))}</dd>
                    }
                })}
            {handshake
                .client_certificate_requested
                .then(|| {
                    view! {
                        <dt>"Client certificate"</dt>
                        <dd>"The relay asked for one; Postern has none."</dd>
                    }
                })}
            <dt>"Certificate check"</dt>
            <dd>{handshake.verdict}</dd>
        </dl>
        {chain.collect_view()}
    }
    .into_any()
}

#[component]
fn CertificateFacts(certificate: Certificate, place: usize) -> AnyView {
    let names = match certificate.names.as_slice() {
        [] => "no host".to_owned(),
        names => names.join(", "),
    };
    let title = match (place, certificate.authority) {
        (1, _) => "Certificate of the relay".to_owned(),
        (_, true) => format!("Certificate {place}, an authority"),
        (_, false) => format!("Certificate {place}"),
    };
    view! {
        <h4 class="facts-title">{title}</h4>
        <dl class="facts">
            <dt>"Subject"</dt>
            <dd>{certificate.subject}</dd>
            {(place == 1)
                .then(|| {
                    view! {
                        <dt>"Names"</dt>
                        <dd>{names}</dd>
                    }
                })}
            <dt>"Issued by"</dt>
            <dd>{certificate.issuer}</dd>
            <dt>"Valid"</dt>
            <dd>
                <Time at=certificate.not_before />
                " to "
                <Time at=certificate.not_after />
            </dd>
            <dt>"Key"</dt>
            <dd>{certificate.key}</dd>
            <dt>"SHA-256"</dt>
            <dd class="fingerprint">{certificate.sha256}</dd>
        </dl>
    }
    .into_any()
}

#[component]
fn Capabilities(capabilities: Vec<Capability>) -> AnyView {
    let capabilities = capabilities.into_iter().map(|offered| {
        let parameters =
            (!offered.parameters.is_empty()).then(|| format!(" {}", offered.parameters));
        view! {
            <dt>
                <code>{offered.keyword} {parameters}</code>
            </dt>
            <dd>{offered.meaning.unwrap_or_else(|| "Unknown to Postern.".to_owned())}</dd>
        }
    });
    view! { <dl class="facts facts-offered">{capabilities.collect_view()}</dl> }.into_any()
}

#[component]
fn Lines(lines: Vec<DialogueLine>) -> AnyView {
    let lines = lines.into_iter().map(|line| {
        let (class, who) = match line.from {
            Side::Postern => ("line line-client", "Postern: "),
            Side::Relay => ("line line-server", "Relay: "),
        };
        view! {
            <li class=class>
                <span class="sr-only">{who}</span>
                {line.text}
            </li>
        }
    });
    view! { <ol class="lines">{lines.collect_view()}</ol> }.into_any()
}
