//! The warning on a console that is reached by unencrypted HTTP.

use leptos::prelude::*;

/// A sealed password is safe from eavesdroppers; nothing protects the page from being modified.
#[component]
pub fn PlainHttpWarning() -> impl IntoView {
    let hidden = RwSignal::new(true);
    Effect::new(move || {
        let location = window().location();
        let plain = match (location.protocol(), location.hostname()) {
            (Ok(protocol), Ok(host)) => is_plain(&protocol, &host),
            _ => false,
        };
        hidden.set(!plain);
    });
    view! {
        <div class="notice notice-warn" hidden=hidden>
            "The connection between your browser and Postern is not encrypted. The password is sealed before it leaves this page; everything else can be read and modified on the way. Put Postern behind HTTPS."
        </div>
    }
}

fn is_plain(protocol: &str, host: &str) -> bool {
    let loopback = host == "localhost"
        || host.ends_with(".localhost")
        || host == "[::1]"
        || host.starts_with("127.");
    protocol == "http:" && !loopback
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn only_http_from_another_machine_is_plain() {
        for (protocol, host, plain) in [
            ("https:", "postern.example.org", false),
            ("http:", "postern.example.org", true),
            ("http:", "10.0.0.5", true),
            ("http:", "localhost", false),
            ("http:", "postern.localhost", false),
            ("http:", "127.0.0.1", false),
            ("http:", "[::1]", false),
            ("http:", "localhost.example.org", true),
        ] {
            assert_eq!(is_plain(protocol, host), plain, "{protocol}//{host}");
        }
    }
}
