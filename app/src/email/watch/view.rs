//! Where a run is seen: the server's picture, and under it how it ended if it could not say so.

use leptos::prelude::*;

use super::Watch;
use crate::dom;
use crate::email::outcome::SignIn;

/// Ends the run; there only while there is one.
#[component]
pub fn Cancel(watch: Watch) -> impl IntoView {
    view! {
        <button
            class="button button-secondary"
            type="button"
            hidden=dom::flag(move || !watch.is_running())
            on:click=move |_| watch.cancel()
        >
            "Cancel"
        </button>
    }
}

#[component]
pub fn Watched(watch: Watch) -> impl IntoView {
    let picture = move |look: fn(&super::Run) -> String| {
        dom::value(move || watch.run.read().as_ref().map(look).unwrap_or_default())
    };
    let class = dom::text(move || match watch.run.read().as_ref() {
        None => "report unseen",
        Some(run) if run.end.is_none() => "report",
        Some(_) => "report report-over",
    });
    let ending = move || {
        let run = watch.run.read();
        let run = run.as_ref()?;
        let told = run.end.as_ref()?.told(run.picture.handing_over)?;
        Some(view! {
            <div class=told.tone>
                <p>
                    <strong>{told.title}</strong>
                    " "
                    {told.text}
                </p>
                <SignIn hidden=dom::flag(move || !told.sign_in) />
            </div>
        })
    };
    view! {
        <p class="unseen" role="status">
            {picture(|run| run.picture.status.clone())}
        </p>
        <div class=class inner_html=picture(|run| run.picture.html.clone())></div>
        <div class="verdict" id=watch.place role="status">
            {ending}
        </div>
    }
}
