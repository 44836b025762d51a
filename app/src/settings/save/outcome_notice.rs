//! The notice beside the buttons about the last save or undo.

use leptos::prelude::*;

use crate::reactive;
use crate::settings::sign_in::SignInLink;
use crate::settings::state::Editor;

#[component]
pub fn OutcomeNotice(editor: Editor) -> impl IntoView {
    let outcome = move || editor.get(|state| state.outcome.clone());
    view! {
        <div class="outcome" role="status">
            <p class=reactive::text(move || outcome().map_or("", |outcome| outcome.class()))>
                {reactive::maybe(move || outcome()?.text())}
            </p>
            <SignInLink hidden=reactive::flag(move || {
                !outcome().is_some_and(|outcome| outcome.is_signed_out())
            }) />
        </div>
    }
}
