//! The page of the second factor: authenticator app, passkeys, recovery codes, removal.

use domain::Refusal;
use engine::{Accounts, Actor, Postern, SecondFactorView};

use super::passkeys::{PasskeyAddition, passkeys};
use super::recovery_codes::{NewRecoveryCodes, recovery_codes};
use super::set_up::{introduction, set_up};
use super::{RECOVERY_CODES, REMOVE_SECOND_FACTOR};
use crate::components::{ErrorNotice, SuccessNotice, refused};
use crate::flash::{Flash, flash};
use crate::layout::console_page;
use crate::request::other_fault;
use crate::server_prelude::*;

#[component]
pub fn SecondFactorPage() -> impl IntoView {
    console_page("Second factor", |actor| {
        let postern = expect_context::<Postern>();
        let fault = other_fault(&["code", "name"]);
        let done = match flash() {
            Some(Flash::PasskeyAdded) => Some("The passkey is added."),
            Some(Flash::PasskeyRemoved) => Some("The passkey is removed."),
            _ => None,
        };
        let created = use_context::<NewRecoveryCodes>();
        let content = Suspend::new(async move {
            match content(&postern, &actor, created).await {
                Ok(content) => content,
                Err(refusal) => refused(&refusal),
            }
        });
        view! {
            <div class="page">
                <header class="page-head">
                    <h1>"Second factor"</h1>
                    <p>"What signing in needs beside your password."</p>
                </header>
                {done.map(|text| view! { <SuccessNotice text /> })}
                {fault.map(|text| view! { <ErrorNotice text /> })}
                <Suspense>{content}</Suspense>
            </div>
        }
    })
}

async fn content(
    postern: &Postern,
    actor: &Actor,
    created: Option<NewRecoveryCodes>,
) -> Result<AnyView, Refusal> {
    let accounts = postern.accounts();
    let state = accounts.second_factor(actor).await?;
    let required = accounts.lacks_required_factor(actor).await?;
    if let Some(codes) = created {
        return Ok(view! {
            <SuccessNotice text="The second factor is on." />
            {recovery_codes(codes)}
        }
        .into_any());
    }
    // A secret is shown to a session that was confirmed recently only; others begin again.
    let is_recent = accounts.recently_confirmed(actor).is_ok();
    let proposed = match is_recent && !state.has_app {
        true => accounts.proposed_totp(actor).await?,
        false => None,
    };
    let app = match proposed {
        Some(proposed) => set_up(proposed),
        None if state.has_app => has_app(state.is_app_lost),
        None => introduction(),
    };
    let addition = passkey_addition(accounts, actor, is_recent).await?;
    let list = accounts.passkeys(actor).await?;
    Ok(view! {
        {required.then(required_notice)}
        {app}
        {passkeys(list, addition)}
        {state.is_on.then(|| manage(state))}
    }
    .into_any())
}

async fn passkey_addition(
    accounts: &Accounts,
    actor: &Actor,
    is_recent: bool,
) -> Result<PasskeyAddition, Refusal> {
    if !accounts.offers_passkeys() {
        return Ok(PasskeyAddition::NotOffered);
    }
    if !is_recent {
        return Ok(PasskeyAddition::AfterConfirmation);
    }
    let options = accounts.new_passkey_options(actor).await?;
    Ok(options.map_or(PasskeyAddition::Full, PasskeyAddition::With))
}

fn has_app(is_lost: bool) -> AnyView {
    let [class, badge, text] = match is_lost {
        true => [
            "badge badge-bad",
            "Key lost",
            "The key of its secret is lost, and no code of the app is right. Remove the second factor and set it up again.",
        ],
        false => [
            "badge badge-good",
            "On",
            "To use another device, remove the second factor and set it up again.",
        ],
    };
    view! {
        <section class="card" aria-labelledby="app-title">
            <header class="card-head">
                <h2 id="app-title">
                    "Authenticator app " <span class=class>{badge}</span>
                </h2>
                <p>{text}</p>
            </header>
        </section>
    }
    .into_any()
}

fn required_notice() -> AnyView {
    view! {
        <div class="notice" role="status">
            "Your organisation requires a second factor of administrators. Set one up to go on."
        </div>
    }
    .into_any()
}

fn manage(state: SecondFactorView) -> AnyView {
    let left = match state.recovery_codes {
        1 => "1 recovery code is left.".to_owned(),
        number => format!("{number} recovery codes are left."),
    };
    view! {
        <section class="card" aria-labelledby="codes-title">
            <header class="card-head">
                <h2 id="codes-title">"Recovery codes"</h2>
                <p>{left} " Each signs you in once where your device is not at hand."</p>
            </header>
            <form class="card-body" method="post" action=RECOVERY_CODES>
                <div class="buttons">
                    <button class="button button-secondary" type="submit">
                        "Create new recovery codes"
                    </button>
                </div>
            </form>
        </section>
        <section class="card" aria-labelledby="off-title">
            <header class="card-head">
                <h2 id="off-title">"Removal"</h2>
                <p>
                    "Removes the authenticator app, the passkeys and the recovery codes of your account. You sign in with your password alone then."
                </p>
            </header>
            <form class="card-body" method="post" action=REMOVE_SECOND_FACTOR>
                <div class="buttons">
                    <button class="button button-danger" type="submit">
                        "Remove second factor"
                    </button>
                </div>
            </form>
        </section>
    }
    .into_any()
}
