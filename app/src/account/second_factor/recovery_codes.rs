//! The recovery codes that were just created, which no other page shows.

use crate::account::ACCOUNT;
use crate::server_prelude::*;

/// Recovery codes that were just created. They are context of the page.
#[derive(Clone)]
pub struct NewRecoveryCodes(pub Vec<String>);

/// The codes, and what they are for.
pub fn recovery_codes(NewRecoveryCodes(codes): NewRecoveryCodes) -> AnyView {
    let codes = codes
        .into_iter()
        .map(|code| {
            view! {
                <li>
                    <code>{code}</code>
                </li>
            }
        })
        .collect_view();
    view! {
        <section class="card" aria-labelledby="recovery-title">
            <header class="card-head">
                <h2 id="recovery-title">"Recovery codes"</h2>
                <p>
                    "Keep them where you find them without your device. Each signs you in once in place of your app or passkey. They are not shown again; earlier ones do not work any more."
                </p>
            </header>
            <div class="card-body">
                <ul class="recovery-codes">{codes}</ul>
                <div class="buttons">
                    <a class="button button-primary" href=ACCOUNT>
                        "I have kept them"
                    </a>
                </div>
            </div>
        </section>
    }
    .into_any()
}
