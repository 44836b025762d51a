//! The section of the account page about the second factor.

use engine::Actor;

use super::SECOND_FACTOR;
use crate::server_prelude::*;

#[component]
pub fn SecondFactorSection(actor: Actor) -> AnyView {
    let is_on = actor.has_second_factor();
    let badge = match is_on {
        true => view! { <span class="badge badge-good">"On"</span> },
        false => view! { <span class="badge badge-plain">"Off"</span> },
    };
    let text = match is_on {
        true => "After your password you are asked for a code or a passkey.",
        false => "With one, nobody signs in with your password alone.",
    };
    let link = if is_on { "Manage" } else { "Set up" };
    view! {
        <section class="card" aria-labelledby="second-factor-title">
            <header class="card-head">
                <h2 id="second-factor-title">"Second factor " {badge}</h2>
                <p>{text}</p>
            </header>
            <div class="card-body">
                <div class="buttons">
                    <a class="button button-secondary" href=SECOND_FACTOR>
                        {link}
                        <span class="sr-only">" the second factor"</span>
                    </a>
                </div>
            </div>
        </section>
    }
    .into_any()
}
