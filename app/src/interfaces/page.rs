//! The page of the interfaces: those that are open, those that are closed, and settings to copy.

use domain::Refusal;
use domain::interface::{InterfaceKind, InterfaceView, LastUse, closed_interfaces};
use engine::{Actor, Postern};

use super::examples::{ConfigurationExample, examples};
use super::format::{encryption, interface_badge, interface_name, unused};
use super::program::ProgramFile;
use super::sendmail_setup::LocalFiles;
use crate::account::TOKENS;
use crate::components::{exact, refused};
use crate::layout::console_page;
use crate::outbox::PublicUrl;
use crate::server_prelude::*;

#[component]
pub fn InterfacesPage() -> impl IntoView {
    console_page("Interfaces", |actor| {
        let postern = expect_context::<Postern>();
        let PublicUrl(url) = expect_context();
        let program = expect_context::<ProgramFile>();
        Suspend::new(async move {
            match content(&postern, &actor, url, &program).await {
                Ok(page) => page,
                Err(refusal) => refused(&refusal),
            }
        })
    })
}

async fn content(
    postern: &Postern,
    actor: &Actor,
    url: String,
    program: &ProgramFile,
) -> Result<AnyView, Refusal> {
    let open = postern.interfaces().list(actor).await?;
    let closed: Vec<InterfaceKind> = closed_interfaces(&open).collect();
    let blocks = examples(&open, &url, actor.name(), &LocalFiles::find(program));
    let exposed = open.iter().any(InterfaceView::is_exposed);
    let warning = exposed.then(|| {
        view! {
            <div class="notice notice-warn">
                <p>
                    "SMTP submission can be reached from other machines without encryption: mail, and a token that a program sends all the same, can be read on the way. Give it a certificate with "
                    <code>"--submission-cert"</code>
                    " and "
                    <code>"--submission-key"</code>
                    ", or let it listen on 127.0.0.1."
                </p>
            </div>
        }
    });
    let open = open.into_iter().map(|interface| {
        view! { <OpenRow interface url=url.clone() /> }
    });
    let open = open.collect_view();
    Ok(view! {
        <div class="page">
            <header class="page-head">
                <h1>"Interfaces"</h1>
                <p>
                    "Where programs reach the process that shows this page, and the last use of each interface since its start."
                </p>
            </header>
            {warning}
            <section class="card" aria-labelledby="open-title">
                <header class="card-head">
                    <h2 id="open-title">"Open"</h2>
                </header>
                <ul class="suppressions">{open}</ul>
            </section>
            <Closed closed />
            <Blocks blocks />
        </div>
    }
    .into_any())
}

#[component]
fn OpenRow(interface: InterfaceView, url: String) -> AnyView {
    let [class, badge] = interface_badge(&interface);
    let about = encryption(&interface, &url);
    let used = match interface.last_use {
        Some(LastUse { at, by }) => view! {
            "Last used "
            <time datetime=at.rfc3339()>{exact(at)}</time>
            " by "
            {by}
        }
        .into_any(),
        None => unused(interface.kind).into_any(),
    };
    view! {
        <li>
            <div class="suppression-info">
                <strong class="relay-name">
                    {interface_name(interface.kind)} <span class=class>{badge}</span>
                </strong>
                <code>{interface.address}</code>
                <span class="mail-detail">{about}</span>
                <span class="mail-detail">{used}</span>
            </div>
        </li>
    }
    .into_any()
}

#[component]
fn Closed(closed: Vec<InterfaceKind>) -> Option<AnyView> {
    if closed.is_empty() {
        return None;
    }
    let rows = closed.into_iter().map(|kind| {
        view! {
            <li>
                <div class="suppression-info">
                    <strong class="relay-name">{interface_name(kind)}</strong>
                    <span class="mail-detail">
                        "Opened by " <code>{kind.opened_by()}</code>
                    </span>
                </div>
            </li>
        }
    });
    Some(
        view! {
            <section class="card" aria-labelledby="closed-title">
                <header class="card-head">
                    <h2 id="closed-title">"Closed"</h2>
                    <p>
                        "Options of "<code>"postern serve"</code>
                        " and variables of its environment open them at its next start."
                    </p>
                </header>
                <ul class="suppressions">{rows.collect_view()}</ul>
            </section>
        }
        .into_any(),
    )
}

#[component]
fn Blocks(blocks: Vec<ConfigurationExample>) -> AnyView {
    let blocks = blocks
        .into_iter()
        .map(|example| view! { <Block example /> });
    view! {
        <section class="card" aria-labelledby="applications-title">
            <header class="card-head">
                <h2 id="applications-title">"Settings for applications"</h2>
                <p>
                    "To copy. "<code>"POSTERN_TOKEN"</code> " stands for an "
                    <a href=TOKENS>"API token"</a>
                    " with the scope send, and the user name is the address of its account."
                </p>
            </header>
            <div class="card-body">{blocks.collect_view()}</div>
        </section>
    }
    .into_any()
}

#[component]
fn Block(example: ConfigurationExample) -> AnyView {
    let missing = example.missing.map(|kind| {
        view! {
            <p class="field-hint">
                "The interface is closed: start Postern with " <code>{kind.opened_by()}</code>
                " first."
            </p>
        }
    });
    view! {
        <details class="interface-example">
            <summary>{example.application}</summary>
            <p class="field-hint">{example.file}</p>
            {missing}
            <pre class="mail-example" tabindex="0" role="group" aria-label=example.application>
                {example.text}
            </pre>
        </details>
    }
    .into_any()
}
