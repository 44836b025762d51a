//! The set-up of an authenticator app: its secret as QR code and text, and the confirming code.

use engine::TotpSetup;

use super::qr_code::QrCodeImage;
use super::{SET_UP, TURN_ON};
use crate::components::FormField;
use crate::request::fault;
use crate::server_prelude::*;

/// What a second factor is, and the button that begins.
pub fn introduction() -> AnyView {
    view! {
        <section class="card" aria-labelledby="begin-title">
            <header class="card-head">
                <h2 id="begin-title">"Authenticator app"</h2>
                <p>
                    "An app on your phone, or a password manager, that shows a new code of 6 digits every 30 seconds."
                </p>
            </header>
            <form class="card-body" method="post" action=SET_UP>
                <div class="buttons">
                    <button class="button button-primary" type="submit">
                        "Set up an authenticator app"
                    </button>
                </div>
            </form>
        </section>
    }
    .into_any()
}

/// The secret in groups of four characters, which are easier to type.
fn grouped(secret: &str) -> String {
    let characters: Vec<char> = secret.chars().collect();
    let groups = characters.chunks(4).map(|group| group.iter().collect());
    groups.collect::<Vec<String>>().join(" ")
}

/// The secret, and the form for the code that confirms it.
pub fn set_up(TotpSetup { secret, uri }: TotpSetup) -> AnyView {
    view! {
        <section class="card" aria-labelledby="scan-title">
            <header class="card-head">
                <h2 id="scan-title">"1. Add Postern to your app"</h2>
                <p>"Scan the QR code with the app, or type the key."</p>
            </header>
            <div class="card-body">
                <QrCodeImage text=uri.clone() label="QR code of the key" />
                <div class="field">
                    <span class="label">"Key"</span>
                    <code class="token-secret">{grouped(&secret)}</code>
                </div>
                <details>
                    <summary>"Address of the key, for apps that take one"</summary>
                    <code class="token-secret">{uri}</code>
                </details>
            </div>
        </section>
        <section class="card" aria-labelledby="confirm-title">
            <header class="card-head">
                <h2 id="confirm-title">"2. Confirm"</h2>
                <p>
                    "Type the code that the app shows now. From then on signing in needs such a code, and your other sessions end."
                </p>
            </header>
            <form class="card-body" method="post" action=TURN_ON>
                <div class="narrow">
                    <FormField
                        name="code"
                        label="Code"
                        autocomplete="one-time-code"
                        inputmode="numeric"
                        hint="6 digits."
                        fault=fault("code")
                    />
                </div>
                <div class="buttons">
                    <button class="button button-primary" type="submit">
                        "Turn on"
                    </button>
                </div>
            </form>
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn a_secret_is_shown_in_groups() {
        for (secret, shown) in [
            ("GEZDGNBVGY3TQOJQ", "GEZD GNBV GY3T QOJQ"),
            ("GEZDG", "GEZD G"),
            ("", ""),
        ] {
            assert_eq!(grouped(secret), shown);
        }
    }
}
