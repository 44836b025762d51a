//! Mail to administrators and owners of relays about changes of health.

use std::time::Duration;

use domain::Refusal;
use domain::health::HealthState;
use domain::relay::{RelayRule, positions};
use domain::webhook::WEBHOOK_LIFETIME;

use super::mail_rule::{MailDecision, OrganisationRelayState, decide};
use super::service::Notifications;
use super::text;
use crate::Actor;
use crate::store::health_mail::{self, HealthMail};
use crate::store::relays::{self, RelayRow};
use crate::store::{Scope, StoreError, commit, in_time, relay_health, relay_outages};

/// How many mails are claimed at a time, and for how long.
const LIMIT: i64 = 50;
const LEASE: Duration = Duration::from_secs(60);

/// When a mail that no relay could take, or that was refused, is looked at again.
const AGAIN: Duration = Duration::from_secs(30);

impl Notifications {
    /// Hands the mails that are due to the outbox, each once, also where several processes do so. A mail
    /// about a failure waits until another relay than the failing one can take it.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn send_due_mail(&self) -> Result<(), Refusal> {
        let now = self.clock.now();
        let due = health_mail::next_due(&mut *self.store.read().await?, now).await?;
        if due.is_none_or(|due| due > now) {
            return Ok(());
        }
        let claimed = in_time(async {
            let mut work = self.store.begin().await?;
            let skip_locked = self.store.skip_locked();
            let claimed =
                health_mail::claim(&mut work, skip_locked, now, now + LEASE, LIMIT).await?;
            commit(work).await?;
            Ok::<_, StoreError>(claimed)
        });
        let claimed = claimed.await?;
        if claimed.is_empty() {
            return Ok(());
        }
        let relays = self.relay_states().await?;
        for mail in claimed {
            self.send(&mail, &relays).await?;
        }
        Ok(())
    }

    async fn send(
        &self,
        mail: &HealthMail,
        relays: &[OrganisationRelayState],
    ) -> Result<(), Refusal> {
        let now = self.clock.now();
        let change = &mail.change;
        let is_old = now.saturating_since(mail.created_at) >= WEBHOOK_LIFETIME;
        let state = self.state_of(mail, relays).await?;
        match decide(&mail.relay_id, change.to, state, relays) {
            MailDecision::Send => {}
            MailDecision::Wait if !is_old => return self.defer(mail).await,
            MailDecision::Wait | MailDecision::Drop => return self.remove(mail).await,
        }
        let (subject, text) = (text::subject(change), text::body(change, &self.public_url));
        // Where this process ends before the row is deleted, the outbox knows the key.
        let key = format!("health-mail-{}", mail.id);
        let accepted = self
            .outbox
            .accept_own_once(&key, &mail.to, &subject, text)
            .await;
        match accepted {
            Ok(()) => self.remove(mail).await,
            // Its address is on the suppression list.
            Err(refusal) if refusal.fields.contains_key("to") || is_old => {
                tracing::warn!(%refusal, "a mail about the health of a relay was not accepted");
                self.remove(mail).await
            }
            Err(refusal) => {
                tracing::warn!(%refusal, "a mail about the health of a relay waits");
                self.defer(mail).await
            }
        }
    }

    /// The state of the relay that a mail is about: unknown while it is switched off, `None` where it was
    /// removed.
    async fn state_of(
        &self,
        mail: &HealthMail,
        relays: &[OrganisationRelayState],
    ) -> Result<Option<HealthState>, Refusal> {
        let Some(scope) = Scope::of_relay_id(&mail.relay_id) else {
            return Ok(None);
        };
        let mut connection = self.store.read().await?;
        let checked = match mail.change.own {
            false => {
                let found = relays.iter().find(|relay| relay.id == mail.relay_id);
                found.map(|relay| relay.state)
            }
            true => {
                let row = relay_health::read(&mut connection, scope).await?;
                row.map(|row| row.record.state)
            }
        };
        if checked.is_some() {
            return Ok(checked);
        }
        // The outage goes with the relay.
        let outage = relay_outages::read(&mut connection, scope).await?;
        Ok(outage.map(|_| HealthState::Unknown))
    }

    async fn defer(&self, mail: &HealthMail) -> Result<(), Refusal> {
        let mut work = self.store.begin().await?;
        health_mail::defer(&mut work, &mail.id, self.clock.now() + AGAIN).await?;
        Ok(commit(work).await?)
    }

    async fn remove(&self, mail: &HealthMail) -> Result<(), Refusal> {
        let mut work = self.store.begin().await?;
        health_mail::remove(&mut work, &mail.id).await?;
        Ok(commit(work).await?)
    }

    /// The relays of the organisation that are checked, with their health. Those of a rule take mail of
    /// Postern itself only where its From address is in the domain of the rule.
    async fn relay_states(&self) -> Result<Vec<OrganisationRelayState>, Refusal> {
        let views = self.health.list(&Actor::local(0)).await?;
        let state = |row: &RelayRow| {
            let id = row.scope.relay_id();
            let view = views.iter().find(|view| view.relay_id == id);
            view.map(|view| view.state)
        };
        let own_rule = self.outbox.own_rule().await?;
        let mut rows = relays::all(&mut *self.store.read().await?).await?;
        // As in delivery, one without valid settings is none, and the rule of one that is off counts.
        rows.retain(|row| !row.config.enabled || state(row).is_some());
        let rules = rows.iter().map(|row| RelayRule {
            from_domain: row.config.from_domain.as_deref(),
            enabled: row.config.enabled,
        });
        let takes_own_mail: Vec<usize> = positions(rules, own_rule.as_deref()).collect();
        let relay = |(index, row): (usize, &RelayRow)| {
            Some(OrganisationRelayState {
                id: row.scope.relay_id(),
                state: state(row)?,
                takes_own_mail: takes_own_mail.contains(&index),
            })
        };
        Ok(rows.iter().enumerate().filter_map(relay).collect())
    }
}
