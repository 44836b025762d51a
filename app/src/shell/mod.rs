//! The HTML document around every page.

mod content_security_policy;

use crate::App;
use crate::server_prelude::*;
use leptos_meta::MetaTags;

/// The assets of the browser part, by URL path.
#[derive(Clone, Debug)]
pub struct Site {
    pub options: LeptosOptions,
    pub stylesheet: Option<&'static str>,
    pub icon: Option<&'static str>,
    /// False in a binary built without its browser part.
    pub hydrates: bool,
}

/// The document around [`App`].
pub fn shell(site: Site) -> impl IntoView {
    content_security_policy::set();
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                {site.icon.map(|href| view! { <link rel="icon" href=href type="image/svg+xml" /> })}
                {site.stylesheet.map(|href| view! { <link rel="stylesheet" href=href /> })}
                {site.hydrates.then(|| view! { <HydrationScripts options=site.options islands=true /> })}
                <MetaTags />
            </head>
            <body>
                {(!site.hydrates).then(|| view! { <p role="alert">"This binary was built without its browser part: run cargo xtask build."</p> })}
                <App />
            </body>
        </html>
    }
}
