//! The page of the organisation's policy: plain forms.

use domain::OrganisationPolicy;
use domain::account::policy::{FALLBACK, OPEN_TRACKING, OWN_RELAYS, SECOND_FACTOR};
use engine::{ADMINISTRATOR_NETWORKS, CONFIRM_LOCKOUT, Postern};

use super::POLICY;
use super::networks::{NetworksForm, TypedNetworks};
use crate::components::{ErrorNotice, SuccessNotice, refused};
use crate::flash::{Flash, flash};
use crate::layout::console_page;
use crate::request::{fault, other_fault};
use crate::server_prelude::*;

#[component]
pub fn PolicyPage() -> impl IntoView {
    console_page("Policy", |actor| {
        let postern = expect_context::<Postern>();
        let fault = other_fault(&[SECOND_FACTOR, ADMINISTRATOR_NETWORKS, CONFIRM_LOCKOUT]);
        let done = flash().and_then(done);
        let typed = use_context::<TypedNetworks>();
        Suspend::new(async move {
            let policy = postern.policy().get(&actor).await;
            let networks = postern.accounts().administrator_networks(&actor).await;
            match policy.and_then(|policy| Ok((policy, networks?))) {
                Ok((policy, networks)) => view! {
                    <div class="page">
                        <header class="page-head">
                            <h1>"Policy"</h1>
                            <p>"What accounts may do, and what is required of them."</p>
                        </header>
                        {fault.map(|text| view! { <ErrorNotice text /> })}
                        {done.map(|text| view! { <SuccessNotice text /> })}
                        <PolicyForm policy />
                        <NetworksForm
                            networks=networks.join(", ")
                            typed
                            address=actor.origin.address
                        />
                    </div>
                }
                .into_any(),
                Err(refusal) => refused(&refusal),
            }
        })
    })
}

/// What the form before this page did, if it leads here.
fn done(flash: Flash) -> Option<&'static str> {
    match flash {
        Flash::PolicySaved => Some("The policy is saved."),
        Flash::NetworksSaved => Some("The networks of administrators are saved."),
        _ => None,
    }
}

#[component]
fn PolicyForm(policy: OrganisationPolicy) -> AnyView {
    view! {
        <section class="card" aria-labelledby="accounts-title">
            <header class="card-head">
                <h2 id="accounts-title">"Accounts"</h2>
                <p>"Which relays send their mail, how administrators sign in, and whether opens are tracked."</p>
            </header>
            <form class="card-body" method="post" action=POLICY>
                <Flag
                    name=OWN_RELAYS
                    label="Accounts may have a relay of their own"
                    hint="Switched off, relays that accounts have set up are kept but not used."
                    on=policy.own_relays
                />
                <Flag
                    name=FALLBACK
                    label="The organisation's relays take over"
                    hint="When an account's own relay takes no mail, the organisation's relays send it. Switched off, it waits for its own relay."
                    on=policy.fallback
                />
                <Flag
                    name=SECOND_FACTOR
                    label="Administrators sign in with a second factor"
                    hint="An administrator without one sets it up at the next sign-in and can do nothing else before. API tokens are not affected."
                    on=policy.second_factor_for_administrators
                    fault=fault(SECOND_FACTOR)
                />
                <Flag
                    name=OPEN_TRACKING
                    label="Open tracking may be used"
                    hint="An application asks for it message by message: the HTML then loads an image when it is shown, and the page of the message has the number of loads and the times of the first and the last. Switched off, messages that ask for it are refused."
                    on=policy.open_tracking
                />
                <div class="buttons">
                    <button class="button button-primary" type="submit">
                        "Save policy"
                    </button>
                </div>
            </form>
        </section>
    }
    .into_any()
}

/// A box with what it does.
#[component]
fn Flag(
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    on: bool,
    #[prop(optional_no_strip)] fault: Option<String>,
) -> AnyView {
    let id = format!("{name}-hint");
    view! {
        <div class="field">
            <label class="check">
                <input type="checkbox" name=name checked=on aria-describedby=id.clone() />
                {label}
            </label>
            <p class="field-hint" id=id>
                {hint}
            </p>
            {fault.map(|text| view! { <p class="field-fault">{text}</p> })}
        </div>
    }
    .into_any()
}
