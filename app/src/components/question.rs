//! The content of a page that asks before something is removed or replaced.

use super::{ErrorNotice, HiddenFields};
use crate::server_prelude::*;

/// Asks `title`, and posts `fields` to `action`. The children say what changes.
#[component]
pub fn Question(
    title: String,
    /// What the question is about, where the title does not say all of it.
    #[prop(optional_no_strip)]
    about: Option<String>,
    /// Why the last post was refused.
    fault: Option<String>,
    action: &'static str,
    #[prop(optional)] fields: Vec<(&'static str, String)>,
    /// The text of the button; `None` where there is nothing to do.
    button: Option<String>,
    /// That of an act after which something is lost.
    #[prop(default = "button button-danger")]
    button_class: &'static str,
    /// The page that leads here.
    #[prop(into)]
    back: String,
    children: Children,
) -> AnyView {
    let button = button.map(|text| {
        view! {
            <button class=button_class type="submit">
                {text}
            </button>
        }
    });
    view! {
        <div class="page">
            <header class="page-head">
                <h1>{title}</h1>
                {about.map(|about| view! { <p>{about}</p> })}
            </header>
            {fault.map(|text| view! { <ErrorNotice text /> })}
            <section class="card">
                <form class="card-body" method="post" action=action>
                    <HiddenFields fields />
                    {children()}
                    <div class="buttons">
                        {button} <a class="button button-secondary" href=back>
                            "Back"
                        </a>
                    </div>
                </form>
            </section>
        </div>
    }
    .into_any()
}
