//! The policy service: what accounts may do, and what is required of them.

use domain::account::policy::{PolicyChange, SECOND_FACTOR};
use domain::{Kind, OrganisationPolicy, Refusal};

use crate::Actor;
use crate::audit::{Action, Audit};
use crate::settings::Settings;
use crate::store::accounts::second_factors;
use crate::store::relays::routing;
use crate::store::settings::policy;
use crate::store::{Store, StoreError, commit};

/// The organisation's policy. Cheap to clone.
#[derive(Clone)]
pub struct Policy {
    store: Store,
    audit: Audit,
    settings: Settings,
}

impl Policy {
    pub(crate) fn new(store: Store, audit: Audit, settings: Settings) -> Self {
        Self {
            store,
            audit,
            settings,
        }
    }

    /// The policy, for administrators.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for any other actor.
    pub async fn get(&self, actor: &Actor) -> Result<OrganisationPolicy, Refusal> {
        self.audit
            .administer(actor, Action::ReadPolicy, async {
                Ok(self.current().await?)
            })
            .await
    }

    /// The policy, without a check of the actor, for the services that apply it.
    ///
    /// # Errors
    /// Where the database fails.
    pub(crate) async fn current(&self) -> Result<OrganisationPolicy, StoreError> {
        policy::read(&mut *self.store.read().await?).await
    }

    /// Changes the policy and returns it as it is now. Acceptance and delivery follow with the next
    /// message, on other nodes within a second.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] unless the actor is an administrator; [`Kind::Invalid`] under
    /// `second_factor_for_administrators` if the actor would require a second factor of administrators
    /// without having one.
    pub async fn save(
        &self,
        actor: &Actor,
        change: PolicyChange,
    ) -> Result<OrganisationPolicy, Refusal> {
        self.audit
            .administer(actor, Action::ChangePolicy, async {
                let mut work = self.store.begin().await?;
                let version = routing::raise(&mut work).await?;
                let before = policy::read(&mut work).await?;
                let after = before.changed(&change);
                let requires =
                    |policy: &OrganisationPolicy| policy.second_factor_for_administrators;
                if requires(&after)
                    && !requires(&before)
                    && let Some(account) = actor.account()
                    && !second_factors::exists(&mut work, &account.id).await?
                {
                    let text = "Set up a second factor for your own account first.";
                    return Err(Refusal::of(Kind::Invalid, SECOND_FACTOR, text));
                }
                let changes = changes(before, after);
                if changes.is_empty() {
                    return Ok(after);
                }
                policy::write(&mut work, &after).await?;
                self.audit
                    .record(&mut work, actor, Action::ChangePolicy, changes.join(", "))
                    .await?;
                commit(work).await?;
                self.settings.announce(version);
                Ok(after)
            })
            .await
    }
}

/// What a change switched, for the audit log.
fn changes(before: OrganisationPolicy, after: OrganisationPolicy) -> Vec<String> {
    let mut changes = Vec::new();
    let mut compare = |name: &str, was: bool, is: bool| {
        if was != is {
            let state = if is { "on" } else { "off" };
            changes.push(format!("{name} {state}"));
        }
    };
    compare("own relays", before.own_relays, after.own_relays);
    compare("fallback", before.fallback, after.fallback);
    compare(
        "second factor for administrators",
        before.second_factor_for_administrators,
        after.second_factor_for_administrators,
    );
    compare("open tracking", before.open_tracking, after.open_tracking);
    changes
}
