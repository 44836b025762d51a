//! What the pages in front of the gate have in common: the mark, one card, one heading.

use leptos::prelude::*;
use leptos_meta::Title;

/// A page for who is not signed in.
#[component]
pub fn Entrance(title: &'static str, intro: &'static str, children: Children) -> impl IntoView {
    view! {
        <Title text=title />
        <main class="entrance">
            <crate::parts::Brand />
            <div class="card entrance-card">
                <header>
                    <h1>{title}</h1>
                    <p>{intro}</p>
                </header>
                {children()}
            </div>
            <p class="entrance-foot">"The gate your organisation’s mail leaves by."</p>
        </main>
    }
}
