//! Where no mail is to be seen: what to do about it.

use leptos::prelude::*;

use super::address::LIST;

#[component]
pub fn Empty(sought: bool, older: bool, url: String) -> impl IntoView {
    if older {
        return view! {
            <div class="mail-none">
                <p>"There is no older mail."</p>
            </div>
        }
        .into_any();
    }
    if sought {
        return view! {
            <div class="mail-none">
                <p>
                    "No mail matches. Ask for less, or " <a href=LIST>"show all mail"</a> "."
                </p>
            </div>
        }
        .into_any();
    }
    view! {
        <div class="mail-none">
            <p>
                <strong>"Nothing was handed over yet."</strong>
                " A program hands mail over with a token, which "
                <code>"postern token create"</code> " prints:"
            </p>
            <pre class="mail-example" tabindex="0" role="group" aria-label="Example">
                {example(&url)}
            </pre>
        </div>
    }
    .into_any()
}

/// What a person can paste.
fn example(url: &str) -> String {
    format!(
        "curl {url}/api/messages/send-email \\\n  \
         -H 'Authorization: Bearer postern_…' \\\n  \
         -H 'Content-Type: application/json' \\\n  \
         -d '{{\"to\": \"you@example.org\", \"subject\": \"Hello\", \"text\": \"Handed over.\"}}'"
    )
}
