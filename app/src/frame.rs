//! The frame every page behind the gate lives in: navigation, who is signed in, the page.

use domain::view::Role;
use engine::Actor;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_location;

use crate::parts::{Brand, Icon, Sign};
use crate::request::{actor, here, login_path, redirect};

/// A page for who is signed in. Everybody else is sent to sign in, and comes back afterwards.
pub fn framed<V: IntoView + 'static>(
    title: &'static str,
    page: impl FnOnce(Actor) -> V,
) -> AnyView {
    let Some(actor) = actor() else {
        redirect(&login_path(&here()));
        return ().into_any();
    };
    let page = page(actor.clone()).into_any();
    view! {
        <Title text=title />
        <Frame actor>{page}</Frame>
    }
    .into_any()
}

#[component]
fn Frame(actor: Actor, children: Children) -> impl IntoView {
    let admin = actor.role() == Some(Role::Admin);
    view! {
        <a class="skip" href="#content">"Skip to the page"</a>
        <div class="frame">
            <header class="rail">
                <Brand />
                <nav class="rail-links" aria-label="Console">
                    {admin
                        .then(|| {
                            view! { <Destination path="/settings/email" text="Email setup" sign=Sign::Letter /> }
                        })}
                    <Destination path="/outbox" text="Outbox" sign=Sign::Tray />
                    <Destination path="/account" text="Account" sign=Sign::Person />
                </nav>
                <div class="rail-who">
                    <p class="rail-name">
                        "Signed in as " <strong>{actor.name().to_owned()}</strong>
                    </p>
                    <form method="post" action="/logout">
                        <button class="button button-quiet" type="submit">
                            <Icon sign=Sign::Leave />
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
}

#[component]
fn Destination(path: &'static str, text: &'static str, sign: Sign) -> impl IntoView {
    let here = use_location().pathname.get_untracked();
    let current = match here.strip_prefix(path) {
        Some("") => Some("page"),
        Some(below) if below.starts_with('/') => Some("true"),
        _ => None,
    };
    view! {
        <a class="rail-link" href=path aria-current=current>
            <Icon sign />
            {text}
        </a>
    }
}
