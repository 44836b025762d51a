//! The suppression list: queries, removal by administrators, and its limit for a relay.

use std::sync::Arc;

use domain::outbox::{Suppression, SuppressionLimit, SuppressionSearch};
use domain::{Kind, Refusal};

use super::bulk::CHUNK;
use crate::Actor;
use crate::audit::Action;
use crate::outbox::Outbox;
use crate::store::delivery::suppressions::{self, LIMIT_PERIOD};
use crate::store::{Connection, StoreError, commit};

impl Outbox {
    /// The first [`Suppression::LISTED_MAX`] suppressions that match, for administrators.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for other actors; [`Kind::TooMany`] while other searches of the account are
    /// running.
    pub async fn suppressions(
        &self,
        actor: &Actor,
        search: &SuppressionSearch,
    ) -> Result<Vec<Suppression>, Refusal> {
        actor.must_oversee()?;
        let (store, now, search) = (self.store.clone(), self.clock.now(), search.clone());
        self.searches
            .run(actor, async move {
                let mut connection = store.reporting().await?;
                let most = Suppression::LISTED_MAX as i64;
                suppressions::matching(&mut connection, &search, most, now).await
            })
            .await
    }

    /// The number of suppressions that match, for administrators.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for other actors; [`Kind::TooMany`] while other searches of the account are
    /// running.
    pub async fn count_suppressions(
        &self,
        actor: &Actor,
        search: &SuppressionSearch,
    ) -> Result<i64, Refusal> {
        actor.must_oversee()?;
        let (store, now, search) = (self.store.clone(), self.clock.now(), search.clone());
        self.searches
            .run(actor, async move {
                let mut connection = store.reporting().await?;
                suppressions::count(&mut connection, &search, now).await
            })
            .await
    }

    /// Removes an address from the suppression list.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for other actors than administrators; [`Kind::NotFound`] where it is not
    /// on the list.
    pub async fn remove_suppression(&self, actor: &Actor, address: &str) -> Result<(), Refusal> {
        let done = async {
            let mut work = self.store.begin().await?;
            let known = !address.chars().any(char::is_control);
            if !known || !suppressions::remove(&mut work, address).await? {
                let text = "This address is not listed.";
                return Err(Refusal::of(Kind::NotFound, "address", text));
            }
            self.audit
                .record(&mut work, actor, Action::RemoveSuppression, address)
                .await?;
            commit(work).await?;
            Ok(())
        };
        self.audit
            .administer(actor, Action::RemoveSuppression, done)
            .await
    }

    /// Removes all suppressions that match, the `confirmed` number at most, and returns how many were
    /// removed. It goes on where the caller is gone.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for other actors than administrators; [`Kind::Conflict`] under `number`
    /// where more match by now than were confirmed: then none was removed.
    pub async fn remove_suppressions(
        self: &Arc<Self>,
        actor: &Actor,
        search: &SuppressionSearch,
        confirmed: i64,
    ) -> Result<i64, Refusal> {
        let outbox = Arc::clone(self);
        let (actor, search) = (actor.clone(), search.clone());
        let task = tokio::spawn(async move {
            let done = outbox.remove_in_chunks(&actor, &search, confirmed);
            outbox
                .audit
                .administer(&actor, Action::RemoveSuppression, done)
                .await
        });
        task.await.map_err(|_| Refusal::internal())?
    }

    /// Each chunk is a unit of work with a row in the audit log.
    async fn remove_in_chunks(
        &self,
        actor: &Actor,
        search: &SuppressionSearch,
        confirmed: i64,
    ) -> Result<i64, Refusal> {
        let number = self.count_suppressions(actor, search).await?;
        if number > confirmed {
            let text = format!(
                "The number is {number} by now. Nothing was removed; check the list and confirm the \
                 new number."
            );
            return Err(Refusal::of(Kind::Conflict, "number", text));
        }
        let mut removed = 0;
        loop {
            let limit = CHUNK.min(confirmed - removed);
            let now = self.clock.now();
            let mut work = self.store.begin().await?;
            let chunk = suppressions::remove_matching(&mut work, search, limit, now).await?;
            let chunk = i64::try_from(chunk).unwrap_or(i64::MAX);
            let detail = format!("{chunk} of {}", describe(search));
            self.audit
                .record(&mut work, actor, Action::RemoveSuppression, detail)
                .await?;
            commit(work).await?;
            removed += chunk;
            if chunk < limit || removed == confirmed {
                return Ok(removed);
            }
        }
    }

    /// How many addresses a relay may list within a day. Where the database fails it is the minimum:
    /// nothing is listed then.
    pub(crate) async fn suppression_limit(&self, relay: &str) -> i64 {
        let found = self.suppressions_of(relay).await;
        found.map_or(SuppressionLimit::MINIMUM, |found| found.limit)
    }

    /// The addresses that a relay has listed within a day, and its limit. Recipients are counted once
    /// the relay has listed the minimum, and once a minute.
    async fn suppressions_of(&self, relay: &str) -> Result<SuppressionLimit, StoreError> {
        let since = self.clock.now() - LIMIT_PERIOD;
        let mut connection = self.store.reporting().await?;
        let listed = suppressions::listed_since(&mut connection, relay, since).await?;
        self.limit_of(&mut connection, relay, listed).await
    }

    /// The limit of the first of these relays that has reached its own.
    pub(in crate::outbox) async fn reached_limit(
        &self,
        relays: &[String],
    ) -> Result<Option<SuppressionLimit>, StoreError> {
        let since = self.clock.now() - LIMIT_PERIOD;
        let mut connection = self.store.reporting().await?;
        let listed = suppressions::listed_by_relay(&mut connection, relays, since).await?;
        for relay in relays {
            if let Some(listed) = listed.get(relay) {
                let limit = self.limit_of(&mut connection, relay, *listed).await?;
                if limit.is_reached() {
                    return Ok(Some(limit));
                }
            }
        }
        Ok(None)
    }

    /// The limit of a relay that has listed this number of addresses within a day.
    async fn limit_of(
        &self,
        connection: &mut Connection,
        relay: &str,
        listed: i64,
    ) -> Result<SuppressionLimit, StoreError> {
        let since = self.clock.now() - LIMIT_PERIOD;
        let now = self.clock.monotonic();
        let limit = match self.last_limits.of(relay, now) {
            _ if listed < SuppressionLimit::MINIMUM => SuppressionLimit::MINIMUM,
            Some(limit) => limit,
            None => {
                let tried = suppressions::recipients_since(connection, relay, since).await?;
                let limit = SuppressionLimit::of(tried);
                if listed >= limit {
                    tracing::warn!(
                        relay,
                        listed,
                        "the relay reports so many addresses as unknown that no more are suppressed"
                    );
                }
                self.last_limits.set(relay, limit, now);
                limit
            }
        };
        Ok(SuppressionLimit { listed, limit })
    }
}

/// The search for the audit log, without addresses: a reply may have one too.
fn describe(search: &SuppressionSearch) -> String {
    let asked: Vec<String> = search
        .pairs()
        .into_iter()
        .map(|(name, value)| match name {
            "since" => format!("{name} {value}"),
            _ => name.to_owned(),
        })
        .collect();
    match asked.as_slice() {
        [] => "all suppressions".to_owned(),
        asked => format!("all that match: {}", asked.join(", ")),
    }
}
