//! The text in place of an empty list.

use crate::outbox::paths::OUTBOX;
use crate::server_prelude::*;

#[component]
pub fn Empty(searched: bool, older: bool, url: String) -> impl IntoView {
    if older {
        return view! {
            <div class="mail-empty">
                <p>"There are no older messages."</p>
            </div>
        }
        .into_any();
    }
    if searched {
        return view! {
            <div class="mail-empty">
                <p>
                    "No message matches. Search for less, or " <a href=OUTBOX>"show all messages"</a> "."
                </p>
            </div>
        }
        .into_any();
    }
    view! {
        <div class="mail-empty">
            <p>
                <strong>"No message was submitted yet."</strong>
                " A program submits messages with a token, which "
                <code>"postern token create"</code> " prints:"
            </p>
            <pre class="mail-example" tabindex="0" role="group" aria-label="Example">
                {example(&url)}
            </pre>
        </div>
    }
    .into_any()
}

/// A command to paste into a shell.
fn example(url: &str) -> String {
    format!(
        "curl {url}/api/messages/send-email \\\n  \
         -H 'Authorization: Bearer postern_…' \\\n  \
         -H 'Content-Type: application/json' \\\n  \
         -d '{{\"to\": \"you@example.org\", \"subject\": \"Hello\", \"text\": \"It works.\"}}'"
    )
}
