//! What the mail says, for administrators: its head, its text, what is attached. As text, whatever
//! it came as.

use engine::ParsedMessage;
use leptos::prelude::*;

use super::format::size;

#[component]
pub fn Reading(letter: ParsedMessage, source: String) -> impl IntoView {
    let headers = letter.headers.into_iter().map(|(name, value)| {
        view! {
            <dt>{name}</dt>
            <dd>{value}</dd>
        }
    });
    let (text, note) = match (letter.text, letter.html_as_text) {
        (Some(text), _) => (text, None),
        (None, Some(text)) => (text, Some("It has HTML alone; this is what it says.")),
        (None, None) => (String::new(), Some("It has no text.")),
    };
    let text = (!text.is_empty()).then(|| {
        view! {
            <pre class="letter-text" tabindex="0" role="group" aria-label="Text">
                {text}
            </pre>
        }
    });
    let attachments: Vec<_> = letter
        .attachments
        .into_iter()
        .map(|attached| {
            let octets = i64::try_from(attached.size).unwrap_or(i64::MAX);
            view! {
                <li>
                    <span>{attached.name}</span>
                    <span class="letter-more">{attached.content_type} ", " {size(octets)}</span>
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
        <section class="card letter" aria-labelledby="letter-title">
            <header class="recipient-head">
                <h2 id="letter-title">"Content"</h2>
                <a class="button button-secondary button-small" href=source download>
                    "Download the source"
                </a>
            </header>
            <dl class="facts letter-head">{headers.collect_view()}</dl>
            {note.map(|note| view! { <p class="letter-more">{note}</p> })}
            {text}
            {attachments}
        </section>
    }
}
