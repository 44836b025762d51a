//! The networks of administrators on the policy page: a plain form, and the request of it.

use std::net::IpAddr;

use domain::{Fields, Refusal};
use engine::{ADMINISTRATOR_NETWORKS, CONFIRM_LOCKOUT, NetworksChange};

use super::POLICY_NETWORKS;
use crate::components::{ErrorNotice, FormField};
use crate::request::fault;
use crate::server_prelude::*;

/// The networks as typed, as context of the page where they were refused.
#[derive(Clone, Debug)]
pub struct TypedNetworks(pub String);

impl TypedNetworks {
    /// The field of a form, whatever it contains.
    pub fn of(pairs: &[(String, String)]) -> Self {
        let found = pairs
            .iter()
            .find(|(name, _)| name == ADMINISTRATOR_NETWORKS);
        Self(found.map(|(_, value)| value.clone()).unwrap_or_default())
    }
}

/// The change that a form asks for. Networks are separated by commas or white space.
///
/// # Errors
/// [`Kind::Invalid`](domain::Kind::Invalid) for names that are repeated or unknown.
pub fn networks_change(pairs: &[(String, String)]) -> Result<NetworksChange, Refusal> {
    Fields::of(pairs).read(|fields| {
        let typed = fields.take(ADMINISTRATOR_NETWORKS).unwrap_or_default();
        let networks = typed.split(|c: char| c == ',' || c.is_whitespace());
        NetworksChange {
            networks: networks
                .filter(|network| !network.is_empty())
                .map(str::to_owned)
                .collect(),
            confirm_lockout: fields.take(CONFIRM_LOCKOUT).is_some(),
        }
    })
}

/// The form. A list without the address of the request is asked about before it is saved.
#[component]
pub fn NetworksForm(
    /// The saved networks.
    networks: String,
    /// What was refused.
    typed: Option<TypedNetworks>,
    /// The address of the request.
    address: Option<IpAddr>,
) -> AnyView {
    let value = typed.map_or(networks, |TypedNetworks(typed)| typed);
    let question = fault(CONFIRM_LOCKOUT).map(|text| {
        view! {
            <ErrorNotice text />
            <label class="check">
                <input type="checkbox" name=CONFIRM_LOCKOUT />
                "Save although my own address is locked out"
            </label>
        }
    });
    let own = address.map(|address| {
        view! {
            <p class="field-hint">
                "Your own address is " <code>{address.to_string()}</code> "."
            </p>
        }
    });
    view! {
        <section class="card" aria-labelledby="networks-title">
            <header class="card-head">
                <h2 id="networks-title">"Networks of administrators"</h2>
                <p>
                    "Administrators sign in and act from these networks only, in the console and with API tokens that read or administer. Without any, they do from everywhere. Other accounts and tokens that only send are not affected."
                </p>
            </header>
            <form class="card-body" method="post" action=POLICY_NETWORKS>
                <FormField
                    name=ADMINISTRATOR_NETWORKS
                    label="Networks"
                    autocomplete="off"
                    inputmode="text"
                    required=false
                    value
                    hint="As in 10.0.0.0/8, 2001:db8::/32 or 192.0.2.7, separated by commas."
                    fault=fault(ADMINISTRATOR_NETWORKS)
                />
                {own}
                {question}
                <div class="buttons">
                    <button class="button button-primary" type="submit">
                        "Save networks"
                    </button>
                </div>
            </form>
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_separated_by_commas_or_spaces() {
        let parse = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            let pairs = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let pairs: Vec<_> = pairs.collect();
            networks_change(&pairs)
        };
        for (typed, networks) in [
            ("10.0.0.0/8", &["10.0.0.0/8"][..]),
            ("", &[]),
            (" , ", &[]),
            ("10.0.0.0/8,::1", &["10.0.0.0/8", "::1"]),
            (
                " 10.0.0.0/8 ,\r\n::1 192.0.2.7,",
                &["10.0.0.0/8", "::1", "192.0.2.7"],
            ),
        ] {
            let change = parse(&[("networks", typed)]).expect("valid");
            assert_eq!(change.networks, networks, "{typed:?}");
            assert!(!change.confirm_lockout);
        }
        let confirmed = parse(&[("networks", "::1"), ("confirm_lockout", "on")]);
        assert!(confirmed.expect("valid").confirm_lockout);
        let refusal = parse(&[("network", "::1")]).expect_err("unknown");
        assert!(refusal.fields.contains_key("network"));
    }
}
