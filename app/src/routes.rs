//! The routes of the pages. `/` is handled by the server crate, and forms have routes of their own.

use leptos_meta::{Title, provide_meta_context};
use leptos_router::any_nested_route::{AnyNestedRoute, IntoAnyNestedRoute as _};
use leptos_router::components::{Router, Routes};
use leptos_router::{
    ChooseView, NestedRoute, ParamSegment, PartialPathMatch, PathSegment, PossibleRouteMatch,
    SsrMode,
};

use crate::account::second_factor::{SECOND_FACTOR, SecondFactorPage};
use crate::account::{
    ACCOUNT, AccountPage, CONFIRM_IDENTITY, ConfirmIdentityPage, TOKENS, TokensPage,
};
use crate::accounts::{
    ACCOUNTS, AccountDetailsPage, AccountRemovalPage, AccountsPage, DELETE_ACCOUNT, SESSIONS,
    SessionsPage,
};
use crate::audit::{AUDIT, AuditExportPage, AuditLogPage, EXPORT_AUDIT};
use crate::components::NotFound;
use crate::domains::{DOMAINS, DkimKeyRemovalPage, DomainPage, DomainsPage, REMOVE_DKIM_KEY};
use crate::entrance::{
    INVITATION, InvitationPage, LOGIN, LoginPage, RESET, ResetPage, SECOND_STEP, SETUP,
    SecondStepPage, SetupPage,
};
use crate::figures::{FIGURES, FiguresPage};
use crate::history::{
    MY_RELAY_HISTORY, MyRelayHistoryPage, RELAY_HISTORY, RESTORE_MY_RELAY, RESTORE_RELAY,
    RelayHistoryPage, RestoreMyRelayPage, RestoreRelayPage,
};
use crate::home::{HOME, HomePage};
use crate::interfaces::{INTERFACES, InterfacesPage};
use crate::keys::{KEYS, KeysPage};
use crate::limits::{LIMITS, LimitsPage};
use crate::my_relay::{MY_RELAY, MyRelayPage, MyRelayRemovalPage, REMOVE_MY_RELAY};
use crate::outbox::{CONFIRM, ConfirmPage, ListPage, MessagePage, OUTBOX};
use crate::policy::{POLICY, PolicyPage};
use crate::relays::{RELAYS, REMOVE_RELAY, RelayPage, RelaysPage, RemovalPage};
use crate::senders::{CONFIRM_SENDER, SENDERS, SenderConfirmationPage, SendersPage};
use crate::server_prelude::*;
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

/// Every page by its path.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Title formatter=|title| format!("{title} · Postern") />
        <Router>
            <Routes fallback=NotFound>
                <Pages />
            </Routes>
        </Router>
    }
}

#[component(transparent)]
fn Pages() -> AnyNestedRoute {
    // Routes are matched in this order. A tuple has at most 16.
    let first = (
        page(FixedPath(LOGIN), LoginPage),
        page(FixedPath(SECOND_STEP), SecondStepPage),
        page(FixedPath(SETUP), SetupPage),
        page(FixedPath(INVITATION), InvitationPage),
        page(FixedPath(RESET), ResetPage),
        page(FixedPath(HOME), HomePage),
        page(FixedPath(SETTINGS), SettingsPage),
        page(FixedPath(RELAYS), RelaysPage),
        page(FixedPath(REMOVE_RELAY), RemovalPage),
        page(FixedPath(RELAY_HISTORY), RelayHistoryPage),
        page(FixedPath(RESTORE_RELAY), RestoreRelayPage),
        page((FixedPath(RELAYS), ParamSegment("id")), RelayPage),
        page(FixedPath(REMOVE_MY_RELAY), MyRelayRemovalPage),
        page(FixedPath(MY_RELAY_HISTORY), MyRelayHistoryPage),
        page(FixedPath(RESTORE_MY_RELAY), RestoreMyRelayPage),
        page(FixedPath(MY_RELAY), MyRelayPage),
    );
    let second = (
        page(FixedPath(POLICY), PolicyPage),
        page(FixedPath(OUTBOX), ListPage),
        page(FixedPath(CONFIRM), ConfirmPage),
        page(FixedPath(SUPPRESSIONS), SuppressionsPage),
        page((FixedPath(OUTBOX), ParamSegment("id")), MessagePage),
        page(FixedPath(FIGURES), FiguresPage),
        page(FixedPath(ACCOUNTS), AccountsPage),
        page(FixedPath(SESSIONS), SessionsPage),
        page(FixedPath(EXPORT_AUDIT), AuditExportPage),
        page(FixedPath(AUDIT), AuditLogPage),
        page(FixedPath(INTERFACES), InterfacesPage),
        page(FixedPath(KEYS), KeysPage),
        page(FixedPath(WEBHOOKS), WebhooksPage),
        page(FixedPath(CHANGE_WEBHOOK), WebhookUrlPage),
        page(FixedPath(REMOVE_WEBHOOK), WebhookRemovalPage),
        page(FixedPath(DOMAINS), DomainsPage),
    );
    let third = (
        page(FixedPath(REMOVE_DKIM_KEY), DkimKeyRemovalPage),
        page((FixedPath(DOMAINS), ParamSegment("domain")), DomainPage),
        page(FixedPath(LIMITS), LimitsPage),
        page(FixedPath(DELETE_ACCOUNT), AccountRemovalPage),
        page(
            (FixedPath(ACCOUNTS), ParamSegment("id")),
            AccountDetailsPage,
        ),
        page(FixedPath(ACCOUNT), AccountPage),
        page(FixedPath(TOKENS), TokensPage),
        page(FixedPath(OWN_WEBHOOKS), OwnWebhooksPage),
        page(FixedPath(CHANGE_OWN_WEBHOOK), OwnWebhookUrlPage),
        page(FixedPath(REMOVE_OWN_WEBHOOK), OwnWebhookRemovalPage),
        page(FixedPath(SENDERS), SendersPage),
        page(FixedPath(CONFIRM_SENDER), SenderConfirmationPage),
        page(FixedPath(SECOND_FACTOR), SecondFactorPage),
        page(FixedPath(CONFIRM_IDENTITY), ConfirmIdentityPage),
    );
    (first, second, third).into_any_nested_route()
}

/// A page, sent when it is complete (`SsrMode::Async`), so that its status code is right.
///
/// The type of the page is erased: one type of all pages takes minutes to compile, and rendering it
/// without optimisation more stack than a thread has.
fn page<Path, Page>(path: Path, page: Page) -> AnyNestedRoute
where
    Path: PossibleRouteMatch + Clone + Send + 'static,
    Page: ChooseView + Clone + 'static,
{
    NestedRoute::new(path, page)
        .ssr_mode(SsrMode::Async)
        .into_any_nested_route()
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
