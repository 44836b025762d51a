//! The page of the second factor: set-up, recovery codes, removal.

use domain::Refusal;
use engine::{Actor, Postern, SecondFactorView};
use leptos::prelude::*;

use super::recovery_codes::{NewRecoveryCodes, recovery_codes};
use super::set_up::{introduction, set_up};
use super::{RECOVERY_CODES, REMOVE_SECOND_FACTOR};
use crate::components::{ErrorNotice, SuccessNotice, refused};
use crate::layout::console_page;
use crate::request::other_fault;

#[component]
pub fn SecondFactorPage() -> impl IntoView {
    console_page("Second factor", |actor| {
        let postern = expect_context::<Postern>();
        let fault = other_fault(&["code"]);
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
    if state.is_on {
        return Ok(manage(state));
    }
    // A secret is shown to a session that was confirmed recently only; others begin again.
    let proposed = match accounts.recently_confirmed(actor) {
        Ok(()) => accounts.proposed_totp(actor).await?,
        Err(_) => None,
    };
    let set_up = proposed.map_or_else(introduction, set_up);
    Ok(view! {
        {required.then(required_notice)}
        {set_up}
    }
    .into_any())
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
        <section class="card" aria-labelledby="app-title">
            <header class="card-head">
                <h2 id="app-title">
                    "Authenticator app " <span class="badge badge-good">"On"</span>
                </h2>
                <p>"To use another device, remove the second factor and set it up again."</p>
            </header>
            <form class="card-body" method="post" action=REMOVE_SECOND_FACTOR>
                <div class="buttons">
                    <button class="button button-danger" type="submit">
                        "Remove second factor"
                    </button>
                </div>
            </form>
        </section>
        <section class="card" aria-labelledby="codes-title">
            <header class="card-head">
                <h2 id="codes-title">"Recovery codes"</h2>
                <p>{left} " Each signs you in once where the app is not at hand."</p>
            </header>
            <form class="card-body" method="post" action=RECOVERY_CODES>
                <div class="buttons">
                    <button class="button button-secondary" type="submit">
                        "Create new recovery codes"
                    </button>
                </div>
            </form>
        </section>
    }
    .into_any()
}
