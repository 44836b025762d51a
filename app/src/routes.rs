//! The routes of the console. Form posts and `/` are handled by the server crate.

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::{
    ParamSegment, PartialPathMatch, PathSegment, PossibleRouteMatch, SsrMode,
    components::{Route, Router, Routes},
};

use crate::account::second_factor::{SECOND_FACTOR, SecondFactorPage};
use crate::account::{
    ACCOUNT, AccountPage, CONFIRM_IDENTITY, ConfirmIdentityPage, TOKENS, TokensPage,
};
use crate::accounts::{
    ACCOUNTS, AccountDetailsPage, AccountRemovalPage, AccountsPage, DELETE_ACCOUNT,
};
use crate::components::NotFound;
use crate::domains::{DOMAINS, DkimKeyRemovalPage, DomainPage, DomainsPage, REMOVE_DKIM_KEY};
use crate::entrance::{
    INVITATION, InvitationPage, LOGIN, LoginPage, RESET, ResetPage, SECOND_STEP, SETUP,
    SecondStepPage, SetupPage,
};
use crate::figures::{FIGURES, FiguresPage};
use crate::home::{HOME, HomePage};
use crate::interfaces::{INTERFACES, InterfacesPage};
use crate::limits::{LIMITS, LimitsPage};
use crate::my_relay::{MY_RELAY, MyRelayPage, MyRelayRemovalPage, REMOVE_MY_RELAY};
use crate::outbox::{CONFIRM, ConfirmPage, ListPage, MessagePage, OUTBOX};
use crate::policy::{POLICY, PolicyPage};
use crate::relays::{RELAYS, REMOVE_RELAY, RelayPage, RelaysPage, RemovalPage};
use crate::senders::{CONFIRM_SENDER, SENDERS, SenderConfirmationPage, SendersPage};
use crate::settings::{SETTINGS, SettingsPage};
use crate::suppressions::{SUPPRESSIONS, SuppressionsPage};
use crate::webhooks::{
    CHANGE_OWN_WEBHOOK, CHANGE_WEBHOOK, OWN_WEBHOOKS, OwnWebhookRemovalPage, OwnWebhookUrlPage,
    OwnWebhooksPage, REMOVE_OWN_WEBHOOK, REMOVE_WEBHOOK, WEBHOOKS, WebhookRemovalPage,
    WebhookUrlPage, WebhooksPage,
};

/// A path without parameters, as the features define theirs.
///
/// `leptos_router::path!` takes a literal only, which would be a second place for each path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FixedPath(&'static str);

impl PossibleRouteMatch for FixedPath {
    fn optional(&self) -> bool {
        false
    }

    fn test<'a>(&self, path: &'a str) -> Option<PartialPathMatch<'a>> {
        let rest = path.strip_prefix(self.0)?;
        let whole = rest.is_empty() || rest.starts_with('/');
        whole.then(|| PartialPathMatch::new(rest, Vec::new(), &path[..self.0.len()]))
    }

    fn generate_path(&self, path: &mut Vec<PathSegment>) {
        path.push(PathSegment::Static(self.0.into()));
    }
}

/// Every page by its path. With `SsrMode::Async` a page is sent when it is complete, so that its
/// status code is right.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Title formatter=|title| format!("{title} · Postern") />
        <Router>
            <Routes fallback=NotFound>
                <Route path=FixedPath(LOGIN) view=LoginPage ssr=SsrMode::Async />
                <Route path=FixedPath(SECOND_STEP) view=SecondStepPage ssr=SsrMode::Async />
                <Route path=FixedPath(SETUP) view=SetupPage ssr=SsrMode::Async />
                <Route path=FixedPath(INVITATION) view=InvitationPage ssr=SsrMode::Async />
                <Route path=FixedPath(RESET) view=ResetPage ssr=SsrMode::Async />
                <Route path=FixedPath(HOME) view=HomePage ssr=SsrMode::Async />
                <Route path=FixedPath(SETTINGS) view=SettingsPage ssr=SsrMode::Async />
                <Route path=FixedPath(RELAYS) view=RelaysPage ssr=SsrMode::Async />
                <Route path=FixedPath(REMOVE_RELAY) view=RemovalPage ssr=SsrMode::Async />
                <Route
                    path=(FixedPath(RELAYS), ParamSegment("id"))
                    view=RelayPage
                    ssr=SsrMode::Async
                />
                <Route path=FixedPath(REMOVE_MY_RELAY) view=MyRelayRemovalPage ssr=SsrMode::Async />
                <Route path=FixedPath(MY_RELAY) view=MyRelayPage ssr=SsrMode::Async />
                <Route path=FixedPath(POLICY) view=PolicyPage ssr=SsrMode::Async />
                <Route path=FixedPath(OUTBOX) view=ListPage ssr=SsrMode::Async />
                <Route path=FixedPath(CONFIRM) view=ConfirmPage ssr=SsrMode::Async />
                <Route path=FixedPath(SUPPRESSIONS) view=SuppressionsPage ssr=SsrMode::Async />
                <Route
                    path=(FixedPath(OUTBOX), ParamSegment("id"))
                    view=MessagePage
                    ssr=SsrMode::Async
                />
                <Route path=FixedPath(FIGURES) view=FiguresPage ssr=SsrMode::Async />
                <Route path=FixedPath(ACCOUNTS) view=AccountsPage ssr=SsrMode::Async />
                <Route path=FixedPath(INTERFACES) view=InterfacesPage ssr=SsrMode::Async />
                <Route path=FixedPath(WEBHOOKS) view=WebhooksPage ssr=SsrMode::Async />
                <Route path=FixedPath(CHANGE_WEBHOOK) view=WebhookUrlPage ssr=SsrMode::Async />
                <Route
                    path=FixedPath(REMOVE_WEBHOOK)
                    view=WebhookRemovalPage
                    ssr=SsrMode::Async
                />
                <Route path=FixedPath(DOMAINS) view=DomainsPage ssr=SsrMode::Async />
                <Route
                    path=FixedPath(REMOVE_DKIM_KEY)
                    view=DkimKeyRemovalPage
                    ssr=SsrMode::Async
                />
                <Route
                    path=(FixedPath(DOMAINS), ParamSegment("domain"))
                    view=DomainPage
                    ssr=SsrMode::Async
                />
                <Route path=FixedPath(LIMITS) view=LimitsPage ssr=SsrMode::Async />
                <Route
                    path=FixedPath(DELETE_ACCOUNT)
                    view=AccountRemovalPage
                    ssr=SsrMode::Async
                />
                <Route
                    path=(FixedPath(ACCOUNTS), ParamSegment("id"))
                    view=AccountDetailsPage
                    ssr=SsrMode::Async
                />
                <Route path=FixedPath(ACCOUNT) view=AccountPage ssr=SsrMode::Async />
                <Route path=FixedPath(TOKENS) view=TokensPage ssr=SsrMode::Async />
                <Route path=FixedPath(OWN_WEBHOOKS) view=OwnWebhooksPage ssr=SsrMode::Async />
                <Route
                    path=FixedPath(CHANGE_OWN_WEBHOOK)
                    view=OwnWebhookUrlPage
                    ssr=SsrMode::Async
                />
                <Route
                    path=FixedPath(REMOVE_OWN_WEBHOOK)
                    view=OwnWebhookRemovalPage
                    ssr=SsrMode::Async
                />
                <Route path=FixedPath(SENDERS) view=SendersPage ssr=SsrMode::Async />
                <Route
                    path=FixedPath(CONFIRM_SENDER)
                    view=SenderConfirmationPage
                    ssr=SsrMode::Async
                />
                <Route path=FixedPath(SECOND_FACTOR) view=SecondFactorPage ssr=SsrMode::Async />
                <Route
                    path=FixedPath(CONFIRM_IDENTITY)
                    view=ConfirmIdentityPage
                    ssr=SsrMode::Async
                />
            </Routes>
        </Router>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_path_matches_whole_segments_only() {
        for (path, rest) in [
            ("/outbox", Some("")),
            ("/outbox/01J", Some("/01J")),
            ("/outboxes", None),
            ("/out", None),
        ] {
            let matched = FixedPath(OUTBOX).test(path);
            assert_eq!(matched.map(|matched| matched.remaining()), rest, "{path}");
        }
    }
}
