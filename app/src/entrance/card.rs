//! The layout of a page without a session: the logo and one card.

use leptos_meta::Title;

use crate::server_prelude::*;

/// A page for visitors without a session.
#[component]
pub fn EntranceCard(
    title: &'static str,
    #[prop(into)] intro: String,
    children: Children,
) -> AnyView {
    view! {
        <Title text=title />
        <main class="entrance">
            <crate::components::Brand />
            <div class="card entrance-card">
                <header>
                    <h1>{title}</h1>
                    <p>{intro}</p>
                </header>
                {children()}
            </div>
            <p class="entrance-foot">"The outgoing mail gateway of your organisation."</p>
        </main>
    }
    .into_any()
}
