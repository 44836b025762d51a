//! The providers whose settings are known, to choose from.

use domain::Label;
use domain::provider::{ALL, Provider, Relay, User};
use leptos::prelude::*;

/// A list of them as HTML. The value of each is what it fills in, a line each, and its note.
pub fn providers() -> String {
    let choices = ALL.iter().map(|provider| match provider.relays {
        [relay] => option(provider.name.to_owned(), provider, relay).into_any(),
        relays => {
            // A closed list shows what is chosen without the group's name.
            let words = |relay: &Relay| format!("{}, {}", provider.name, relay.region);
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

fn option(words: String, provider: &Provider, relay: &'static Relay) -> impl IntoView + use<> {
    view! { <option value=value(provider, relay)>{words}</option> }
}

fn value(provider: &Provider, relay: &Relay) -> String {
    let user = match provider.user {
        User::Address => Some("@"),
        User::Fixed(name) => Some(name),
        User::Nobody => Some(""),
        User::Own => None,
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
        for provider in ALL {
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
