//! What people see: Leptos pages and islands, server functions of a few lines.

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::{
    SsrMode, StaticSegment,
    components::{Route, Router, Routes},
};

mod counter;
#[cfg(feature = "ssr")]
mod shell;

pub use counter::Counter;
#[cfg(feature = "ssr")]
pub use shell::{Site, shell};

/// The routes of the console.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Title text="Postern" />
        <Router>
            <Routes fallback=|| view! { <h1>"Not found"</h1> }>
                <Route path=StaticSegment("") view=Home ssr=SsrMode::Async />
            </Routes>
        </Router>
    }
}

#[component]
fn Home() -> impl IntoView {
    view! {
        <main>
            <h1>"Postern"</h1>
            <p>"The gate an organisation's mail leaves by."</p>
            <Counter />
        </main>
    }
}
