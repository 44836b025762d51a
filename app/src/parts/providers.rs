//! The providers whose settings are known, to choose from.

use domain::Label;
use domain::provider::{PROVIDERS, Provider, ProviderRelay, ProviderUser};
use leptos::prelude::*;

/// A list of them as HTML. The value of each is what it fills in, a line each, and its note.
pub fn providers() -> String {
    let choices = PROVIDERS.iter().map(|provider| match provider.relays {
        [relay] => option(provider.name.to_owned(), provider, relay).into_any(),
        relays => {
            // A closed list shows what is chosen without the group's name.
            let words = |relay: &ProviderRelay| format!("{}, {}", provider.name, relay.region);
            let regions = relays
                .iter()
                .map(|relay| option(words(relay), provider, relay));
            view! { <optgroup label=provider.name>{regions.collect_view()}</optgroup> }.into_any()
        }
    });
    let list = view! {
        <label class="label" for="provider">
            "Provider"
        </label>
        <select class="control" id="provider" autocomplete="off">
            <option value="">"Another, or one of your own"</option>
            {choices.collect_view()}
        </select>
    };
    list.to_html()
}

fn option(
    words: String,
    provider: &Provider,
    relay: &'static ProviderRelay,
) -> impl IntoView + use<> {
    view! { <option value=value(provider, relay)>{words}</option> }
}

fn value(provider: &Provider, relay: &ProviderRelay) -> String {
    let user = match provider.user {
        ProviderUser::Address => Some("@"),
        ProviderUser::Fixed(name) => Some(name),
        ProviderUser::Nobody => Some(""),
        ProviderUser::Own => None,
    };
    let mut lines: Vec<String> = provider
        .values(relay)
        .into_iter()
        .map(|(label, value)| format!("{}={value}", label.as_str()))
        .collect();
    lines.extend(user.map(|user| format!("{}={user}", Label::Username.as_str())));
    lines.push(format!("note={}", provider.note));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_relay_can_be_chosen_with_all_it_fills_in() {
        let html = providers();
        for provider in PROVIDERS {
            assert!(html.contains(provider.name), "{}", provider.name);
            for relay in provider.relays {
                assert!(html.contains(&format!("smtp_host={}\n", relay.host)));
                let value = value(provider, relay);
                assert!(value.lines().count() >= 5, "{value}");
                assert!(value.lines().all(|line| line.contains('=')), "{value}");
            }
        }
    }
}
