//! The views of a run: its Cancel button, and its report.

use leptos::prelude::*;

use super::RunControl;
use super::end::end_notice;
use crate::reactive;
use crate::settings::sign_in::SignInLink;

/// Cancels the run; hidden while there is none.
#[component]
pub fn Cancel(run: RunControl) -> impl IntoView {
    view! {
        <button
            class="button button-secondary"
            type="button"
            hidden=reactive::flag(move || !run.is_running())
            on:click=move |_| run.cancel()
        >
            "Cancel"
        </button>
    }
}

/// The report, which snapshots are patched into, and a notice about an end without a snapshot.
#[component]
pub fn RunReport(run: RunControl) -> impl IntoView {
    let status = reactive::value(move || {
        let state = run.state.read();
        state
            .as_ref()
            .map(|run| run.status.clone())
            .unwrap_or_default()
    });
    let class = reactive::text(move || match run.state.read().as_ref() {
        None => "report sr-only",
        Some(run) if run.end.is_none() => "report",
        Some(_) => "report report-done",
    });
    let edited = move || {
        let state = run.state.read();
        let ended = state.as_ref().filter(|run| run.end.is_some());
        ended.is_some_and(|ended| run.editor.get(|state| ended.tested.differs(state)))
    };
    let notice = move || {
        let state = run.state.read();
        let state = state.as_ref()?;
        let notice = end_notice(state.end.as_ref()?, state.data_begun)?;
        Some(view! {
            <div class=notice.class>
                <p>
                    <strong>{notice.title}</strong>
                    " "
                    {notice.text}
                </p>
                <SignInLink hidden=reactive::flag(move || !notice.sign_in) />
            </div>
        })
    };
    view! {
        <p class="sr-only" role="status">
            {status}
        </p>
        <p class="report-edited" role="status" hidden=reactive::flag(move || !edited())>
            "The form was edited since; this result is for the earlier settings."
        </p>
        <div class=class id=run.report></div>
        <div class="verdict" role="status">
            {notice}
        </div>
    }
}
