//! Says when the line between browser and Postern is not encrypted.

use leptos::prelude::*;

use crate::dom::origin;

/// Sealing keeps the password safe from who listens; nothing keeps the page safe from who meddles.
#[component]
pub fn BareLine() -> impl IntoView {
    let hidden = RwSignal::new(true);
    Effect::new(move || {
        hidden.set(!origin().is_some_and(|(protocol, host)| is_bare(&protocol, &host)));
    });
    view! {
        <div class="notice notice-warn" hidden=hidden>
            "The line between your browser and Postern is not encrypted. The password is sealed before it leaves this page, everything else can be read and changed on the way: put Postern behind HTTPS."
        </div>
    }
}

fn is_bare(protocol: &str, host: &str) -> bool {
    let loopback = host == "localhost"
        || host.ends_with(".localhost")
        || host == "[::1]"
        || host.starts_with("127.");
    protocol == "http:" && !loopback
}

#[cfg(test)]
mod tests {
    use super::is_bare;

    #[test]
    fn only_http_from_another_machine_is_bare() {
        for (protocol, host, bare) in [
            ("https:", "postern.example.org", false),
            ("http:", "postern.example.org", true),
            ("http:", "10.0.0.5", true),
            ("http:", "localhost", false),
            ("http:", "postern.localhost", false),
            ("http:", "127.0.0.1", false),
            ("http:", "[::1]", false),
            ("http:", "localhost.example.org", true),
        ] {
            assert_eq!(is_bare(protocol, host), bare, "{protocol}//{host}");
        }
    }
}
