//! The home service: whether the mail of an actor can leave, what failed, and what is to be done.
//!
//! Administrators see the organisation's relays and all mail, other accounts the relays that their own
//! mail leaves through. `relays` says what is known of each; what follows from it is in `domain::home`.

mod relays;

use std::sync::Arc;

use domain::health::HealthView;
use domain::home::{EXPIRY_NOTICE, ExpiringAuthority, ExpiringToken, HomeFacts, MailStatus};
use domain::outbox::{Count, Overview, RecentFailures};
use domain::settings::relay::RelayView;
use domain::{Refusal, Timestamp};

use crate::accounts::Accounts;
use crate::health::Health;
use crate::keys::SealingKeys;
use crate::outbox::Outbox;
use crate::settings::{Relays, Settings};
use crate::store::accounts::tokens::Token;
use crate::{Actor, Clock};

/// What Home is made of. Cheap to clone.
#[derive(Clone)]
pub struct Home(HomeServices);

/// What Home reads.
#[derive(Clone)]
pub(crate) struct HomeServices {
    pub clock: Clock,
    pub accounts: Accounts,
    pub settings: Settings,
    pub relays: Relays,
    pub outbox: Arc<Outbox>,
    pub health: Health,
    pub keys: SealingKeys,
}

/// What Home shows, without figures.
#[derive(Clone, Debug)]
pub struct HomeView {
    /// Whether mail can leave, and what is to be done.
    pub facts: HomeFacts,
    /// The messages by state.
    pub counts: Vec<Count>,
    /// What failed recently, by cause.
    pub failures: RecentFailures,
    /// When it was read.
    pub now: Timestamp,
}

impl Home {
    pub(crate) fn new(services: HomeServices) -> Self {
        Self(services)
    }

    /// What Home shows to the actor.
    ///
    /// # Errors
    /// [`Kind::Forbidden`](domain::Kind::Forbidden) for a token that does not read;
    /// [`Kind::Unavailable`](domain::Kind::Unavailable) where the database fails.
    pub async fn view(&self, actor: &Actor) -> Result<HomeView, Refusal> {
        let overview = self.0.outbox.overview(actor).await?;
        Ok(HomeView {
            facts: self.facts(actor, &overview).await?,
            counts: overview.counts,
            failures: self.0.outbox.recent_failures(actor).await?,
            now: self.0.clock.now(),
        })
    }

    /// Whether the actor's mail can leave, and since when; for administrators all mail.
    ///
    /// # Errors
    /// As [`Home::view`].
    pub async fn status(&self, actor: &Actor) -> Result<MailStatus, Refusal> {
        let overview = self.0.outbox.overview(actor).await?;
        Ok(MailStatus::of(&self.facts(actor, &overview).await?))
    }

    async fn facts(&self, actor: &Actor, overview: &Overview) -> Result<HomeFacts, Refusal> {
        let resumed = self.0.outbox.relays_resumed(actor).await?;
        let health = self.0.health.list(actor).await?.into_iter();
        let health = health.map(|view| relays::since_resumed(view, &resumed));
        let health: Vec<HealthView> = health.collect();
        let facts = HomeFacts {
            admin: actor.oversees(),
            pause: overview.pause.clone(),
            delivers: !overview.workers.is_empty(),
            running_since: self.0.outbox.running_since().await?,
            expiring: self.expiring(actor).await?,
            ..HomeFacts::default()
        };
        if !facts.admin {
            let relay = self.0.settings.account_relay(actor).await?;
            let status = self.0.outbox.relay_status(actor).await?;
            return Ok(HomeFacts {
                configured: relay.uses_own() || relay.organisation.is_some(),
                relays: relays::of_account(&relay, health, &status),
                ..facts
            });
        }
        let authority = self.0.relays.first_authority_to_end().await?;
        let soon = self.0.clock.now() + EXPIRY_NOTICE;
        let is_soon = |end: &ExpiringAuthority| end.at <= soon;
        let all = self.0.relays.views().await?;
        let in_use: Vec<&RelayView> = all
            .iter()
            .filter(|relay| relay.config.enabled && relay.address.is_some())
            .collect();
        let keys = self.0.keys.read().await?;
        Ok(HomeFacts {
            lost_values: keys.to_enter_again(),
            keys_without_file: keys.in_memory_only().count(),
            old_key: keys.due_for_rotation(),
            configured: !in_use.is_empty(),
            authority: authority.filter(is_soon),
            untested: match self.0.outbox.has_delivered().await? {
                true => None,
                false => relays::untested(&in_use),
            },
            relays: in_use
                .into_iter()
                .map(|relay| relays::of_organisation(relay, &health, &overview.workers))
                .collect(),
            ..facts
        })
    }

    /// The API token of a signed-in person that expires first, where that is soon.
    async fn expiring(&self, actor: &Actor) -> Result<Option<ExpiringToken>, Refusal> {
        if actor.as_session().is_none() {
            return Ok(None);
        }
        let tokens = self.0.accounts.own_tokens(actor).await?;
        Ok(first_to_expire(&tokens, self.0.clock.now()))
    }
}

/// The token that expires first, where that is soon.
fn first_to_expire(tokens: &[Token], now: Timestamp) -> Option<ExpiringToken> {
    let in_use = tokens.iter().filter(|token| !token.is_expired(now));
    let ends = in_use.filter_map(|token| {
        Some(ExpiringToken {
            name: token.name.clone(),
            at: token.expires_at?,
        })
    });
    ends.filter(|token| token.at <= now + EXPIRY_NOTICE)
        .min_by_key(|token| token.at)
}
