//! The content of a message for administrators: headers, text, attachments. Always as plain text.

use engine::ParsedMessage;

use crate::outbox::format::size;
use crate::server_prelude::*;

#[component]
pub fn Content(message: ParsedMessage, source: String) -> AnyView {
    let headers = message.headers.into_iter().map(|(name, value)| {
        view! {
            <dt>{name}</dt>
            <dd>{value}</dd>
        }
    });
    let (text, note) = match (message.text, message.html_as_text) {
        (Some(text), _) => (text, None),
        (None, Some(text)) => (text, Some("The message has only HTML; this is its text.")),
        (None, None) => (String::new(), Some("The message has no text.")),
    };
    let text = (!text.is_empty()).then(|| {
        view! {
            <pre class="content-text" tabindex="0" role="group" aria-label="Text">
                {text}
            </pre>
        }
    });
    let attachments: Vec<_> = message
        .attachments
        .into_iter()
        .map(|attached| {
            let bytes = i64::try_from(attached.size).unwrap_or(i64::MAX);
            view! {
                <li>
                    <span>{attached.name}</span>
                    <span class="content-detail">{attached.content_type} ", " {size(bytes)}</span>
                </li>
            }
        })
        .collect();
    let attachments = (!attachments.is_empty()).then(|| {
        view! {
            <h3>"Attachments"</h3>
            <ul class="entries">{attachments}</ul>
        }
    });
    view! {
        <section class="card message-content" aria-labelledby="content-title">
            <header class="recipient-head">
                <h2 id="content-title">"Content"</h2>
                <a class="button button-secondary button-small" href=source download>
                    "Download the source"
                </a>
            </header>
            <dl class="facts content-headers">{headers.collect_view()}</dl>
            {note.map(|note| view! { <p class="content-detail">{note}</p> })}
            {text}
            {attachments}
        </section>
    }
    .into_any()
}
