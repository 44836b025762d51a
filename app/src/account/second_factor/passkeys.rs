//! The passkeys on the page of the second factor: the list, and the form that adds one.

use engine::Passkey;

use super::{ADD_PASSKEY, AddPasskeyForm, REMOVE_PASSKEY, SECOND_FACTOR};
use crate::account::CONFIRM_IDENTITY;
use crate::components::{FormField, HiddenFields, PasskeyForm, Time};
use crate::outbox::PublicUrl;
use crate::request::{fault, with_query};
use crate::server_prelude::*;

/// How a passkey can be added.
pub enum PasskeyAddition {
    /// With these options for the browser.
    With(String),
    /// Once the session is confirmed.
    AfterConfirmation,
    /// Once another one is removed.
    Full,
    /// Not at the public URL.
    NotOffered,
}

/// The section.
pub fn passkeys(list: Vec<Passkey>, addition: PasskeyAddition) -> AnyView {
    let list = (!list.is_empty()).then(|| {
        let rows = list.into_iter().map(row).collect_view();
        view! { <ul class="card-body sessions">{rows}</ul> }
    });
    view! {
        <section class="card" aria-labelledby="passkeys-title">
            <header class="card-head">
                <h2 id="passkeys-title">"Passkeys"</h2>
                <p>
                    "A security key, or a device that you unlock, in place of a code. It answers this console only, so that no other site can ask for it."
                </p>
            </header>
            {list}
            {add(addition)}
        </section>
    }
    .into_any()
}

fn add(addition: PasskeyAddition) -> AnyView {
    match addition {
        PasskeyAddition::With(options) => view! {
            <PasskeyForm
                class="card-body"
                action=ADD_PASSKEY.to_owned()
                options
                name="passkey"
                button="Add a passkey"
                fields=name_field()
            />
        }
        .into_any(),
        PasskeyAddition::AfterConfirmation => {
            let href = with_query(CONFIRM_IDENTITY, [("next", SECOND_FACTOR)]);
            view! {
                <div class="card-body">
                    <div class="buttons">
                        <a class="button button-secondary" href=href>
                            "Confirm that it is you to add a passkey"
                        </a>
                    </div>
                </div>
            }
            .into_any()
        }
        PasskeyAddition::Full => view! {
            <p class="card-body">
                "An account has at most 10 passkeys. To add another, remove one that is not needed."
            </p>
        }
        .into_any(),
        PasskeyAddition::NotOffered => {
            let PublicUrl(url) = expect_context();
            view! {
                <p class="card-body">
                    {format!(
                        "Browsers offer passkeys only where the public URL is https with a host name, or localhost; here it is {url}.",
                    )}
                </p>
            }
            .into_any()
        }
    }
}

fn name_field() -> AnyView {
    let typed = use_context::<AddPasskeyForm>().unwrap_or_default();
    view! {
        <div class="narrow">
            <FormField
                name="name"
                label="Name of the passkey"
                autocomplete="off"
                inputmode="text"
                hint="Such as that of the device or the key that holds it."
                value=typed.name
                fault=fault("name")
            />
        </div>
    }
    .into_any()
}

fn row(passkey: Passkey) -> AnyView {
    let last_used = match passkey.last_used_at {
        Some(at) => view! { ", last used " <Time at /> }.into_any(),
        None => ", not used yet".into_any(),
    };
    let label = format!("Remove {}", passkey.name);
    view! {
        <li class="session">
            <div class="session-info">
                <strong>{passkey.name}</strong>
                <span>"Added " <Time at=passkey.created_at /> {last_used}</span>
            </div>
            <form method="post" action=REMOVE_PASSKEY>
                <HiddenFields fields=vec![("id", passkey.id)] />
                <button class="button button-danger button-small" type="submit" aria-label=label>
                    "Remove"
                </button>
            </form>
        </li>
    }
    .into_any()
}
