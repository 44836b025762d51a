//! The keys of DKIM: made, activated when their records are in DNS, and removed.

use std::time::Duration;

use domain::mail::dkim::{DKIM_RETENTION, DkimAlgorithm, DkimKeyState, DkimKeyView};
use domain::outbox::is_id;
use domain::{Kind, Refusal, Timestamp};
use tokio::time::timeout;

use super::findings::published;
use super::service::Domains;
use super::typed_domain::parse;
use crate::Actor;
use crate::audit::Action;
use crate::mail::{DKIM_SCOPE, NewDkimKey};
use crate::store::keys::dkim::{self, DkimKeyRow};
use crate::store::relays::routing;
use crate::store::{Connection, commit};

/// The most keys of a domain.
const MOST: usize = 10;

/// The time to look a record up.
const LOOKUP: Duration = Duration::from_secs(10);

/// When a key may be activated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DkimActivation {
    /// Where its record is in DNS.
    WhenPublished,
    /// In any case: signatures cannot be verified until its record is in DNS.
    Anyway,
}

impl Domains {
    /// Makes a key for a domain, which signs nothing until it is activated. Only administrators may.
    ///
    /// # Errors
    /// [`Kind::Invalid`] under `domain`; [`Kind::Conflict`] if the domain has 10 keys already;
    /// [`Kind::Forbidden`] for any other actor.
    pub async fn create_key(
        &self,
        actor: &Actor,
        domain: &str,
        algorithm: DkimAlgorithm,
    ) -> Result<DkimKeyView, Refusal> {
        let created = async {
            let domain = parse(domain)?;
            let new = {
                let _one_at_a_time = self.making.lock().await;
                tokio::task::spawn_blocking(move || NewDkimKey::generate(algorithm)).await
            };
            let new = new.ok().flatten().ok_or_else(Refusal::internal)?;
            let id = ulid::Ulid::new().to_string();
            let now = self.clock.now();
            let key = DkimKeyRow {
                private_key: self.vault.seal(DKIM_SCOPE, &id, new.private.as_bytes()),
                view: DkimKeyView {
                    selector: selector(now, &id),
                    id,
                    domain,
                    algorithm,
                    public_key: new.public,
                    state: DkimKeyState::Pending,
                    is_usable: true,
                    created_at: now,
                    created_by: actor.name().to_owned(),
                    activated_at: None,
                    removal_at: None,
                },
            };
            let mut work = self.store.begin().await?;
            // Keys that are made at the same time are counted one after another, and acceptance reads its
            // settings again.
            let version = routing::raise(&mut work).await?;
            let existing = dkim::of_domain(&mut work, &key.view.domain).await?;
            if existing.len() >= MOST {
                let text = format!("The domain has {MOST} keys already. Remove one first.");
                return Err(Refusal::new(Kind::Conflict, text));
            }
            dkim::write(&mut work, &key).await?;
            self.audit
                .record(&mut work, actor, Action::CreateDkimKey, detail(&key.view))
                .await?;
            commit(work).await?;
            self.settings.announce(version);
            Ok(key.view)
        };
        self.audit
            .administer(actor, Action::CreateDkimKey, created)
            .await
    }

    /// Activates a key: from now on it signs the mail of its domain, and the key of the same algorithm that did
    /// is kept for 7 days. Only administrators may.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if its record is not in DNS, unless it is activated anyway, and if its private key
    /// cannot be unsealed; [`Kind::Invalid`] under `domain`; [`Kind::NotFound`] under `id`;
    /// [`Kind::Forbidden`] for any other actor.
    pub async fn activate_key(
        &self,
        actor: &Actor,
        domain: &str,
        id: &str,
        activation: DkimActivation,
    ) -> Result<DkimKeyView, Refusal> {
        let activated = async {
            let domain = parse(domain)?;
            if activation == DkimActivation::WhenPublished {
                let key = find(&mut *self.store.read().await?, &domain, id).await?;
                self.must_be_published(&key.view).await?;
            }
            let now = self.clock.now();
            let mut work = self.store.begin().await?;
            let version = routing::raise(&mut work).await?;
            let mut key = find(&mut work, &domain, id).await?;
            if key.view.state == DkimKeyState::Active {
                return Ok(key.view);
            }
            if !self.is_usable(&key) {
                let text =
                    "The private key cannot be opened. Remove this key and make another one.";
                return Err(Refusal::new(Kind::Conflict, text));
            }
            for mut other in dkim::of_domain(&mut work, &key.view.domain).await? {
                let view = &mut other.view;
                if view.state == DkimKeyState::Active && view.algorithm == key.view.algorithm {
                    view.state = DkimKeyState::Retiring;
                    view.removal_at = Some(now + DKIM_RETENTION);
                    dkim::write(&mut work, &other).await?;
                }
            }
            key.view.state = DkimKeyState::Active;
            key.view.activated_at = Some(now);
            key.view.removal_at = None;
            dkim::write(&mut work, &key).await?;
            self.audit
                .record(&mut work, actor, Action::ActivateDkimKey, detail(&key.view))
                .await?;
            commit(work).await?;
            self.settings.announce(version);
            Ok(key.view)
        };
        self.audit
            .administer(actor, Action::ActivateDkimKey, activated)
            .await
    }

    /// Removes a key. Mail of its domain is no longer signed with it. Only administrators may.
    ///
    /// # Errors
    /// [`Kind::Invalid`] under `domain`; [`Kind::NotFound`] under `id`; [`Kind::Forbidden`] for any other
    /// actor.
    pub async fn remove_key(
        &self,
        actor: &Actor,
        domain: &str,
        id: &str,
    ) -> Result<DkimKeyView, Refusal> {
        let removed = async {
            let domain = parse(domain)?;
            let mut work = self.store.begin().await?;
            let version = routing::raise(&mut work).await?;
            let key = find(&mut work, &domain, id).await?;
            dkim::remove(&mut work, id).await?;
            self.audit
                .record(&mut work, actor, Action::RemoveDkimKey, detail(&key.view))
                .await?;
            commit(work).await?;
            self.settings.announce(version);
            Ok(key.view)
        };
        self.audit
            .administer(actor, Action::RemoveDkimKey, removed)
            .await
    }

    /// # Errors
    /// [`Kind::Conflict`] if the record of a key is not in DNS.
    async fn must_be_published(&self, key: &DkimKeyView) -> Result<(), Refusal> {
        let found = timeout(LOOKUP, published(&*self.dns, key)).await;
        let text = match found {
            Ok(Ok(found)) if found.is(key) => return Ok(()),
            Ok(Ok(_)) => format!(
                "The record of this key is not in DNS at {}. Put it there, wait until DNS has it, and activate the key again.",
                key.record_name()
            ),
            Ok(Err(failure)) => format!(
                "DNS does not say whether the record of this key is there: {}. Try again later.",
                failure.0
            ),
            Err(_) => "DNS did not answer. Try again later.".to_owned(),
        };
        Err(Refusal::new(Kind::Conflict, text))
    }
}

/// The key of a domain with an id.
///
/// # Errors
/// [`Kind::NotFound`] under `id`.
async fn find(connection: &mut Connection, domain: &str, id: &str) -> Result<DkimKeyRow, Refusal> {
    // PostgreSQL refuses a text with a NUL.
    let found = match is_id(id) {
        true => dkim::by_id(connection, id).await?,
        false => None,
    };
    let found = found.filter(|key| key.view.domain == domain);
    found.ok_or_else(|| {
        let text = "The domain has no such key. It may have been removed.";
        Refusal::of(Kind::NotFound, "id", text)
    })
}

/// A selector that no other key has: the day and the end of the id, as in `postern-20261130-9mx7k2`.
fn selector(now: Timestamp, id: &str) -> String {
    let text = now.rfc3339();
    let day: String = text
        .chars()
        .take_while(|c| *c != 'T')
        .filter(char::is_ascii_digit)
        .collect();
    let end = id.get(id.len().saturating_sub(6)..).unwrap_or(id);
    format!("postern-{day}-{}", end.to_ascii_lowercase())
}

/// A key in the audit log.
fn detail(key: &DkimKeyView) -> String {
    format!(
        "{} with {} for {}",
        key.selector,
        key.algorithm.as_str(),
        key.domain
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_have_the_day_and_the_end_of_the_id() {
        let selector = selector(Timestamp(0), "01JD00000000000000009MX7K2");
        assert_eq!(selector, "postern-19700101-9mx7k2");
    }
}
