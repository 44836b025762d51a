//! Mail to administrators and owners of relays about changes of health.

use std::time::Duration;

use domain::Refusal;
use domain::health::HealthState;
use domain::settings::relay::{RelayRule, positions};
use domain::webhook::WEBHOOK_LIFETIME;

use super::mail_rule::{MailDecision, OrganisationRelayState, avoided, decide};
use super::service::Notifications;
use super::text;
use crate::Actor;
use crate::outbox::OwnMail;
use crate::store::notifications::health_mail::{self, HealthMail, MAIL_BACKOFF_MAX};
use crate::store::relays::{self, RelayRow, health, outages};
use crate::store::{Scope, StoreError, commit, in_time};

/// How many mails are claimed at a time, and for how long.
const LIMIT: i64 = 50;
const LEASE: Duration = Duration::from_secs(60);

/// When a mail that no relay could take is looked at again, and one that failed for the first time.
const AGAIN: Duration = Duration::from_secs(30);

impl Notifications {
    /// Submits the mails that are due to the outbox, each once, also where several processes do so. A mail
    /// about a failure waits until another relay than the failing one can take it; relays that fail their
    /// checks are tried last, and of these the one that it is about. A mail that fails backs off by itself,
    /// and the others go on.
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
            if let Err(refusal) = self.send(&mail, &relays).await {
                tracing::warn!(%refusal, "a mail about the health of a relay waits");
                // Where this fails too, so would the others. Their leases end by themselves.
                self.back_off(&mail).await?;
            }
        }
        Ok(())
    }

    async fn send(
        &self,
        mail: &HealthMail,
        relays: &[OrganisationRelayState],
    ) -> Result<(), Refusal> {
        let now = self.clock.now();
        let change = mail.change()?;
        let is_old = now.saturating_since(mail.created_at) >= WEBHOOK_LIFETIME;
        let state = self.state_of(mail, change.own, relays).await?;
        match decide(&mail.relay_id, change.to, state, relays) {
            MailDecision::Send => {}
            MailDecision::Wait if !is_old => return self.defer(mail, AGAIN).await,
            MailDecision::Wait | MailDecision::Drop => return self.remove(mail).await,
        }
        let subject = text::subject(&change);
        let own_mail = OwnMail {
            to: &mail.to,
            subject: &subject,
            text: text::body(&change, &self.public_url),
            avoided_relays: avoided(&mail.relay_id, relays),
        };
        // Where this process ends before the row is deleted, the outbox knows the key.
        let key = format!("health-mail-{}", mail.id);
        match self.outbox.accept_own_once(&key, own_mail).await {
            Ok(()) => self.remove(mail).await,
            // Its address is on the suppression list.
            Err(refusal) if refusal.fields.contains_key("to") => {
                tracing::warn!(%refusal, "a mail about the health of a relay was not accepted");
                self.remove(mail).await
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// The state of the relay that a mail is about: unknown while it is switched off, `None` where it was
    /// removed. `own`: it is that of an account.
    async fn state_of(
        &self,
        mail: &HealthMail,
        own: bool,
        relays: &[OrganisationRelayState],
    ) -> Result<Option<HealthState>, Refusal> {
        let Some(scope) = Scope::of_relay_id(&mail.relay_id) else {
            return Ok(None);
        };
        let mut connection = self.store.read().await?;
        let checked = match own {
            false => {
                let found = relays.iter().find(|relay| relay.id == mail.relay_id);
                found.map(|relay| relay.state)
            }
            true => {
                let row = health::read(&mut connection, scope).await?;
                row.map(|row| row.record.state)
            }
        };
        if checked.is_some() {
            return Ok(checked);
        }
        // The outage goes with the relay.
        let outage = outages::read(&mut connection, scope).await?;
        Ok(outage.map(|_| HealthState::Unknown))
    }

    /// Puts off a mail that failed: for as long as it exists, which doubles the time, from 30 s to 1 h.
    /// After three days it is deleted.
    async fn back_off(&self, mail: &HealthMail) -> Result<(), Refusal> {
        let age = self.clock.now().saturating_since(mail.created_at);
        match age >= WEBHOOK_LIFETIME {
            true => self.remove(mail).await,
            false => self.defer(mail, age.clamp(AGAIN, MAIL_BACKOFF_MAX)).await,
        }
    }

    async fn defer(&self, mail: &HealthMail, time: Duration) -> Result<(), Refusal> {
        let mut work = self.store.begin().await?;
        health_mail::defer(&mut work, &mail.id, self.clock.now(), time).await?;
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
