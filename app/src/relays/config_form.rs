//! The fields of a relay: those of the form that adds one, and all of them on its page.

use domain::settings::relay::RelayView;

use super::requests::TypedRelay;
use super::{CHANGE_RELAY, RELAYS};
use crate::components::{FormField, HiddenFields};
use crate::request::fault;
use crate::server_prelude::*;

/// The fields whose faults are shown beside them, in both forms.
pub const ADDED: [&str; 2] = ["name", "from_domain"];

/// A field as typed in the form that was refused, or else as saved.
fn value(name: &str, saved: Option<&str>) -> String {
    let typed = use_context::<TypedRelay>().and_then(|typed| typed.value(name));
    typed.unwrap_or_else(|| saved.unwrap_or_default().to_owned())
}

/// Name and From domain.
#[component]
fn NameAndDomain(relay: Option<RelayView>) -> AnyView {
    let config = relay.as_ref().map(|relay| &relay.config);
    let name = value("name", config.map(|config| config.name.as_str()));
    let domain = config.and_then(|config| config.from_domain.as_deref());
    let from_domain = value("from_domain", domain);
    view! {
        <div class="narrow">
            <FormField
                name="name"
                label="Name"
                autocomplete="off"
                inputmode="text"
                hint="As people call it, for example Newsletter."
                value=name
                fault=fault("name")
            />
        </div>
        <div class="narrow">
            <FormField
                name="from_domain"
                label="From domain"
                autocomplete="off"
                inputmode="url"
                hint="The relay is for mail whose From address has this domain. Empty: for all mail."
                required=false
                value=from_domain
                fault=fault("from_domain")
            />
        </div>
    }
    .into_any()
}

/// The form that adds a relay.
#[component]
pub fn AddRelay() -> AnyView {
    view! {
        <section class="card" aria-labelledby="add-title">
            <header class="card-head">
                <h2 id="add-title">"Add a relay"</h2>
                <p>"Its SMTP settings follow on the next page."</p>
            </header>
            <form class="card-body" method="post" action=RELAYS>
                <NameAndDomain relay=None />
                <div class="buttons">
                    <button class="button button-primary" type="submit">
                        "Add relay"
                    </button>
                </div>
            </form>
        </section>
    }
    .into_any()
}

/// The form that changes name, From domain and limits of a relay.
#[component]
pub fn ConfigForm(relay: RelayView) -> AnyView {
    let limits = relay.config.limits;
    let limit = |name: &'static str, label: &'static str, saved: Option<u32>| {
        let saved = saved.map(|number| number.to_string());
        view! {
            <FormField
                name=name
                label=label
                autocomplete="off"
                inputmode="numeric"
                required=false
                value=value(name, saved.as_deref())
                fault=fault(name)
            />
        }
    };
    let fields = vec![
        ("id", relay.id.clone()),
        ("revision", relay.revision.to_string()),
    ];
    view! {
        <section class="card" aria-labelledby="relay-title">
            <header class="card-head">
                <h2 id="relay-title">"Name, From domain and limits"</h2>
                <p>"An empty limit does not apply."</p>
            </header>
            <form class="card-body" method="post" action=CHANGE_RELAY>
                <HiddenFields fields />
                <NameAndDomain relay=Some(relay) />
                <div class="relay-limits">
                    {limit("max_connections", "Connections at a time", limits.max_connections)}
                    {limit("per_minute", "Messages a minute", limits.per_minute)}
                    {limit("per_hour", "Messages an hour", limits.per_hour)}
                    {limit("per_day", "Messages a day", limits.per_day)}
                </div>
                <div class="buttons">
                    <button class="button button-primary" type="submit">
                        "Save relay"
                    </button>
                </div>
            </form>
        </section>
    }
    .into_any()
}
