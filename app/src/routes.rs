//! The routes of the console. Plain form posts and `/` are answered by the server itself.

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{Route, Router, Routes},
    path,
};

use crate::pages::{
    Account, Confirm, Email, Login, Message, NotFound, Outbox, Setup, SuppressionList,
};

/// Every page, by its path. `SsrMode::Async` keeps the status codes true: a page is sent when it
/// is known what it says.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Title formatter=|title| format!("{title} · Postern") />
        <Router>
            <Routes fallback=NotFound>
                <Route path=path!("/login") view=Login ssr=SsrMode::Async />
                <Route path=path!("/setup") view=Setup ssr=SsrMode::Async />
                <Route path=path!("/settings/email") view=Email ssr=SsrMode::Async />
                <Route path=path!("/outbox") view=Outbox ssr=SsrMode::Async />
                <Route path=path!("/outbox/confirm") view=Confirm ssr=SsrMode::Async />
                <Route
                    path=path!("/suppressions")
                    view=SuppressionList
                    ssr=SsrMode::Async
                />
                <Route path=path!("/outbox/:id") view=Message ssr=SsrMode::Async />
                <Route path=path!("/account") view=Account ssr=SsrMode::Async />
            </Routes>
        </Router>
    }
}
