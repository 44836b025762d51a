//! The list of known mail providers; choosing one fills its settings in.

use domain::settings::provider::{PROVIDERS, Provider, ProviderRelay, ProviderUser};

use crate::server_prelude::*;
use crate::settings::state::{Preset, SettingsAction, Username};

/// A list whose options each hold an action as their value.
#[component]
pub fn Providers() -> impl IntoView {
    let choices = PROVIDERS.iter().map(|provider| match provider.relays {
        [relay] => option(provider.name.to_owned(), provider, relay).into_any(),
        relays => {
            // A closed list shows the chosen option without the label of its group.
            let title = |relay: &ProviderRelay| format!("{}, {}", provider.name, relay.region);
            let regions = relays
                .iter()
                .map(|relay| option(title(relay), provider, relay));
            view! { <optgroup label=provider.name>{regions.collect_view()}</optgroup> }.into_any()
        }
    });
    view! {
        <label class="label" for="provider">
            "Provider"
        </label>
        <select class="control" id="provider" autocomplete="off">
            <option value="">"Another, or one of your own"</option>
            {choices.collect_view()}
        </select>
    }
}

fn option(
    title: String,
    provider: &'static Provider,
    relay: &'static ProviderRelay,
) -> impl IntoView {
    let action = SettingsAction::Fill(preset(provider, relay));
    view! {
        <option value=action.attribute()>
            {title}
        </option>
    }
}

fn preset(provider: &Provider, relay: &ProviderRelay) -> Preset {
    Preset {
        values: provider.values(relay).into(),
        username: match provider.user {
            ProviderUser::Address => Username::FromAddress,
            ProviderUser::Fixed(name) => Username::Fixed(name.to_owned()),
            ProviderUser::Nobody => Username::Fixed(String::new()),
            ProviderUser::Own => Username::Unchanged,
        },
        note: provider.note.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_relay_can_be_chosen_with_all_it_fills_in() {
        let html = view! { <Providers /> }.to_html();
        for provider in PROVIDERS {
            assert!(html.contains(provider.name), "{}", provider.name);
            for relay in provider.relays {
                let preset = preset(provider, relay);
                assert_eq!(preset.values.len(), 4);
                assert!(html.contains(&SettingsAction::Fill(preset).attribute()));
            }
        }
    }
}
