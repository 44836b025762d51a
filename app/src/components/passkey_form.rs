//! A form that the browser fills in with a passkey, and the script that asks the browser for it.

use leptos::nonce::use_nonce;

use crate::server_prelude::*;

/// The URL path of the script; `None` in a binary built without its browser part. The server crate provides
/// it as context of every page.
#[derive(Clone, Copy, Default)]
pub struct PasskeyScript(pub Option<&'static str>);

/// A form with one button, which the script shows where the browser knows passkeys. `options` are those of
/// the engine, in JSON; the answer is posted in the field `name`.
#[component]
pub fn PasskeyForm(
    action: String,
    options: String,
    name: &'static str,
    button: &'static str,
    #[prop(optional)] class: &'static str,
    /// Further fields.
    #[prop(optional)]
    fields: Option<AnyView>,
) -> AnyView {
    let PasskeyScript(path) = use_context().unwrap_or_default();
    view! {
        <form class=class method="post" action=action data-passkey=options data-field=name hidden>
            {fields}
            <input type="hidden" name=name value="" />
            <p class="field-fault" role="alert"></p>
            <div class="buttons">
                <button class="button button-secondary" type="submit">
                    {button}
                </button>
            </div>
        </form>
        {path.map(|path| view! { <script type="module" nonce=use_nonce() src=path></script> })}
    }
    .into_any()
}
