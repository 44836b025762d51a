//! The queue of events: claiming the oldest of each endpoint by lease, and recording the outcome.

use std::time::Duration;

use domain::Refusal;
use domain::timestamp::in_words;
use domain::webhook::{WEBHOOK_LIFETIME, WebhookDeliveryState, webhook_backoff};

use super::attempt::{UnsendableEvent, WebhookAttempt, WebhookOutcome};
use super::endpoints::{SCOPE, host};
use super::service::Notifications;
use crate::Actor;
use crate::audit::Action;
use crate::clock::CLOCK_SKEW;
use crate::store::notifications::webhook_deliveries::{self, ClaimedEvent, SettledDelivery};
use crate::store::notifications::webhooks;
use crate::store::{Connection, StoreError, commit, in_time};

/// How often, and with which time between, an outcome is written that the database does not take.
const RECORD_TRIES: usize = 5;
const RECORD_PAUSE: Duration = Duration::from_secs(1);

/// How many events are given up with one, so that the transaction is short.
const GIVEN_UP_MAX: i64 = 1_000;

impl Notifications {
    /// Claims the oldest event of each endpoint where it is due. Until its outcome is recorded or the lease
    /// of 60 s has ended, no process claims another event of the endpoint.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn claim_webhooks(&self) -> Result<Vec<WebhookAttempt>, Refusal> {
        let owner = ulid::Ulid::new().to_string();
        let now = self.clock.now();
        let due = webhook_deliveries::next_due(&mut *self.store.read().await?, now).await?;
        if due.is_none_or(|due| due > now) {
            return Ok(Vec::new());
        }
        let claimed = in_time(async {
            let mut work = self.store.begin().await?;
            let skip_locked = self.store.skip_locked();
            let claimed = webhook_deliveries::claim(&mut work, skip_locked, &owner, now).await?;
            commit(work).await?;
            Ok::<_, StoreError>(claimed)
        });
        let mut attempts = Vec::new();
        for event in claimed.await? {
            let secret = self.vault.unseal(SCOPE, &event.webhook_id, &event.secret);
            let seconds = now.unix_seconds();
            let dialer = match event.of_account {
                true => self.account_dialer.clone(),
                false => self.dialer.clone(),
            };
            match WebhookAttempt::new(event, &owner, secret.ok().as_ref(), seconds, dialer) {
                Ok(attempt) => attempts.push(attempt),
                Err(UnsendableEvent { event, reason }) => {
                    let outcome = WebhookOutcome::Failed(reason.to_owned());
                    self.record(&event, &owner, &outcome).await?;
                }
            }
        }
        Ok(attempts)
    }

    /// Records the outcome of an attempt: 2xx is a success, 410 switches the endpoint off, and after
    /// anything else the event is tried again, for at most 3 days.
    ///
    /// # Errors
    /// Where the database fails, also when tried again for some seconds. The event is then sent again.
    pub async fn record_webhook(
        &self,
        attempt: &WebhookAttempt,
        outcome: &WebhookOutcome,
    ) -> Result<(), Refusal> {
        let mut tries = 1;
        loop {
            match self.record(&attempt.event, &attempt.owner, outcome).await {
                Err(error) if error.is_down() && tries < RECORD_TRIES => {
                    tries += 1;
                    tokio::time::sleep(RECORD_PAUSE).await;
                }
                recorded => return Ok(recorded?),
            }
        }
    }

    /// Gives up the lease of an attempt without an outcome: the event is due again.
    ///
    /// # Errors
    /// Where the database fails. The lease then ends by itself.
    pub async fn release_webhook(&self, attempt: &WebhookAttempt) -> Result<(), Refusal> {
        let released = in_time(async {
            let mut work = self.store.begin().await?;
            let webhook = &attempt.event.webhook_id;
            webhook_deliveries::release(&mut work, webhook, &attempt.owner).await?;
            commit(work).await
        });
        Ok(released.await?)
    }

    async fn record(
        &self,
        event: &ClaimedEvent,
        owner: &str,
        outcome: &WebhookOutcome,
    ) -> Result<(), StoreError> {
        in_time(async {
            let mut work = self.store.begin().await?;
            let held = webhook_deliveries::release(&mut work, &event.webhook_id, owner).await?;
            // Another process is at it when the lease has ended. That the endpoint took the event counts
            // nevertheless.
            if held || outcome.is_success() {
                self.settle(&mut work, event, outcome).await?;
            }
            commit(work).await
        })
        .await
    }

    async fn settle(
        &self,
        work: &mut Connection,
        event: &ClaimedEvent,
        outcome: &WebhookOutcome,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let due_at = now + webhook_backoff(event.attempts + 1, rand::random());
        let is_over = due_at.saturating_since(event.created_at) >= WEBHOOK_LIFETIME;
        let state = match outcome.is_success() {
            true => WebhookDeliveryState::Delivered,
            false if outcome.is_gone() || is_over => WebhookDeliveryState::Failed,
            false => WebhookDeliveryState::Queued,
        };
        let result = SettledDelivery {
            webhook: &event.webhook_id,
            number: event.number,
            state,
            at: now,
            due_at,
            status: outcome.status().map(i64::from),
            answer: &outcome.shown(),
        };
        if event.created_at > now + CLOCK_SKEW {
            webhook_deliveries::correct_creation(work, &event.webhook_id, now).await?;
        }
        webhook_deliveries::settle(work, &result).await?;
        if outcome.is_gone() {
            return self.switch_off(work, event).await;
        }
        if state == WebhookDeliveryState::Failed && event.attempts == 0 {
            // The events before failed as well: the endpoint is not tried for each of those that are as old.
            let next = now + webhook_backoff(i64::MAX, rand::random());
            let created = next - WEBHOOK_LIFETIME;
            let webhook = &event.webhook_id;
            let answer = format!(
                "Not sent within {}: the events before it failed.",
                in_words(WEBHOOK_LIFETIME)
            );
            let given_up =
                webhook_deliveries::give_up(work, webhook, created, GIVEN_UP_MAX, &answer).await?;
            // Where there are more, the next attempt follows now: new events wait for this transaction.
            if given_up < GIVEN_UP_MAX.unsigned_abs() {
                webhook_deliveries::defer(work, webhook, next).await?;
            }
        }
        Ok(())
    }

    /// Switches an endpoint off that answered 410, unless its URL was changed meanwhile.
    async fn switch_off(
        &self,
        work: &mut Connection,
        event: &ClaimedEvent,
    ) -> Result<(), StoreError> {
        let found = webhooks::by_id(work, &event.webhook_id, self.store.for_update()).await?;
        let Some(mut webhook) = found.filter(|webhook| webhook.enabled && webhook.url == event.url)
        else {
            return Ok(());
        };
        webhook.enabled = false;
        webhook.gone_at = Some(self.clock.now());
        webhooks::write(work, &webhook).await?;
        webhook_deliveries::cancel(work, &webhook.id).await?;
        let detail = format!("{}: off, it answered 410", host(&webhook));
        self.audit
            .record(work, &Actor::postern(), Action::ChangeWebhook, detail)
            .await
    }
}
