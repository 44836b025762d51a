//! The layout of the pages behind the login: navigation, the account's name, the page.

use domain::account::Role;
use engine::Actor;
use leptos_meta::Title;
use leptos_router::hooks::use_location;

use crate::account::ACCOUNT;
use crate::accounts::ACCOUNTS;
use crate::audit::AUDIT;
use crate::components::{Brand, Icon, IconKind};
use crate::domains::DOMAINS;
use crate::entrance::{LOGOUT, login_path, network_refused};
use crate::figures::FIGURES;
use crate::home::HOME;
use crate::interfaces::INTERFACES;
use crate::keys::KEYS;
use crate::my_relay::MY_RELAY;
use crate::outbox::OUTBOX;
use crate::relays::RELAYS;
use crate::request::{actor, page_url, redirect};
use crate::server_prelude::*;
use crate::settings::SETTINGS;
use crate::webhooks::WEBHOOKS;

/// A page for a signed-in account. Without a session it redirects to the login, which returns here. An
/// administrator from a network that is not allowed gets the reason instead.
pub fn console_page<V: IntoView + 'static>(
    title: &'static str,
    page: impl FnOnce(Actor) -> V,
) -> AnyView {
    let Some(actor) = actor() else {
        redirect(&login_path(&page_url()));
        return ().into_any();
    };
    if let Some(refusal) = use_context() {
        return network_refused(refusal);
    }
    let page = page(actor.clone()).into_any();
    view! {
        <Title text=title />
        <Layout actor>{page}</Layout>
    }
    .into_any()
}

#[component]
fn Layout(actor: Actor, children: Children) -> AnyView {
    let admin = actor.role() == Some(Role::Admin);
    view! {
        <a class="skip" href="#content">"Skip to the page"</a>
        <div class="frame">
            <header class="rail">
                <Brand />
                <nav class="rail-links" aria-label="Console">
                    <Destination path=HOME text="Home" icon=IconKind::House />
                    {admin
                        .then(|| {
                            view! {
                                <Destination path=SETTINGS text="Email setup" icon=IconKind::Envelope />
                                <Destination path=RELAYS text="Relays" icon=IconKind::Signpost />
                                <Destination path=DOMAINS text="Domains" icon=IconKind::Globe />
                            }
                        })}
                    <Destination path=OUTBOX text="Outbox" icon=IconKind::Tray />
                    <Destination path=FIGURES text="Figures" icon=IconKind::Bars />
                    <Destination path=MY_RELAY text="My relay" icon=IconKind::Plane />
                    {admin
                        .then(|| {
                            view! {
                                <Destination path=ACCOUNTS text="Accounts" icon=IconKind::People />
                                <Destination path=WEBHOOKS text="Webhooks" icon=IconKind::Bell />
                                <Destination path=INTERFACES text="Interfaces" icon=IconKind::Plug />
                                <Destination path=AUDIT text="Audit log" icon=IconKind::Ledger />
                                <Destination path=KEYS text="Keys" icon=IconKind::Key />
                            }
                        })}
                    <Destination path=ACCOUNT text="Account" icon=IconKind::Person />
                </nav>
                <div class="rail-account">
                    <p class="rail-name">
                        "Signed in as " <strong>{actor.name().to_owned()}</strong>
                    </p>
                    <form method="post" action=LOGOUT>
                        <button class="button button-quiet" type="submit">
                            <Icon icon=IconKind::Leave />
                            "Sign out"
                        </button>
                    </form>
                </div>
            </header>
            <main id="content" class="content" tabindex="-1">
                {children()}
            </main>
        </div>
    }
    .into_any()
}

#[component]
fn Destination(path: &'static str, text: &'static str, icon: IconKind) -> AnyView {
    let here = use_location().pathname.get_untracked();
    let current = match here.strip_prefix(path) {
        Some("") => Some("page"),
        Some(below) if below.starts_with('/') => Some("true"),
        _ => None,
    };
    view! {
        <a class="rail-link" href=path aria-current=current>
            <Icon icon />
            {text}
        </a>
    }
    .into_any()
}
