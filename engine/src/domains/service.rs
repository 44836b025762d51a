//! The domains service: From domains with their checks, which are kept for some seconds.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::mail::dkim::DkimKeyView;
use domain::mail::domain_check::{DomainCheck, DomainFinding, FromDomain, FromDomains};
use domain::{Host, Refusal};
use futures::future::join_all;
use parking_lot::Mutex;

use super::dns::{Dns, LimitedDns};
use super::findings::{CheckedDomain, SendingRelay, check};
use super::in_use::DomainsInUse;
use super::typed_domain::parse;
use crate::audit::{Action, Audit};
use crate::mail::DKIM_SCOPE;
use crate::settings::Settings;
use crate::store::Store;
use crate::store::keys::dkim::{self, DkimKeyRow};
use crate::store::relays::routing;
use crate::vault::Vault;
use crate::{Actor, Clock};

/// How long a check is kept: a page that is loaded again does not ask DNS again at once.
const KEPT: Duration = Duration::from_secs(5);

/// A check, and of what it was made.
#[derive(Clone)]
struct KeptCheck {
    made_at: Instant,
    /// The version of the routing: relays and keys are the same.
    version: i64,
    check: DomainCheck,
}

/// The service. Cheap to clone.
#[derive(Clone)]
pub struct Domains {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) audit: Audit,
    pub(super) vault: Arc<Vault>,
    /// Its version of the routing is that of what acceptance knows.
    pub(super) settings: Settings,
    pub(super) dns: Arc<dyn Dns>,
    kept: Arc<Mutex<HashMap<String, KeptCheck>>>,
    /// Held while a key is made, which takes up to a second of CPU.
    pub(super) making: Arc<tokio::sync::Mutex<()>>,
}

/// What the service uses.
pub(crate) struct DomainServices {
    pub store: Store,
    pub clock: Clock,
    pub audit: Audit,
    pub vault: Arc<Vault>,
    pub settings: Settings,
    pub dns: Arc<dyn Dns>,
}

impl Domains {
    pub(crate) fn new(services: DomainServices) -> Self {
        Self {
            store: services.store,
            clock: services.clock,
            audit: services.audit,
            vault: services.vault,
            settings: services.settings,
            dns: Arc::new(LimitedDns::new(services.dns)),
            kept: Arc::default(),
            making: Arc::default(),
        }
    }

    /// The From domains in use, each with its check, for administrators. At most [`FromDomains::MAX`], within
    /// about 10 s: their look-ups wait in turn.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for any other actor.
    pub async fn list(&self, actor: &Actor) -> Result<FromDomains, Refusal> {
        let listed = async {
            let (version, in_use) = self.in_use().await?;
            let uses = in_use.at_most(FromDomains::MAX);
            let left_out = in_use.number() - uses.len();
            let checks = uses
                .into_iter()
                .map(|(domain, used_by)| self.listed(domain, used_by, version, &in_use));
            let checked = join_all(checks).await.into_iter();
            let listed = checked.collect::<Result<Vec<FromDomain>, Refusal>>()?;
            Ok(FromDomains { listed, left_out })
        };
        self.audit
            .administer(actor, Action::ReadDomains, listed)
            .await
    }

    /// Checks a domain over DNS, whether it is in use or not, for administrators. Takes at most about 10 s.
    ///
    /// # Errors
    /// [`Kind::Invalid`] under `domain` for what is no name of a domain; [`Kind::Forbidden`] for any other
    /// actor.
    pub async fn check(&self, actor: &Actor, domain: &str) -> Result<DomainCheck, Refusal> {
        let checked = async {
            let domain = parse(domain)?;
            let (version, in_use) = self.in_use().await?;
            self.checked(&domain, version, &in_use).await
        };
        self.audit
            .administer(actor, Action::ReadDomains, checked)
            .await
    }

    /// The DKIM keys of a domain, in the order in which they were made, for administrators.
    ///
    /// # Errors
    /// As [`Domains::check`].
    pub async fn keys(&self, actor: &Actor, domain: &str) -> Result<Vec<DkimKeyView>, Refusal> {
        let listed = async {
            let domain = parse(domain)?;
            self.keys_of(&domain).await
        };
        self.audit
            .administer(actor, Action::ReadDomains, listed)
            .await
    }

    /// The findings about a domain in ASCII, for mail that leaves through the relay with this host, which was
    /// connected to at this address. The caller has authorised the actor. Takes at most about 10 s.
    ///
    /// # Errors
    /// Where the database fails.
    pub(super) async fn findings_through(
        &self,
        domain: &str,
        host: &Host,
        address: IpAddr,
    ) -> Result<Vec<DomainFinding>, Refusal> {
        let keys = self.keys_of(domain).await?;
        let relays = [SendingRelay {
            name: host.to_string(),
            host: host.clone(),
            address: Some(address),
        }];
        let subject = CheckedDomain {
            domain,
            relays: &relays,
            keys: &keys,
        };
        Ok(check(&*self.dns, &subject).await)
    }

    async fn in_use(&self) -> Result<(i64, DomainsInUse), Refusal> {
        let mut connection = self.store.read().await?;
        // Before the relays: they may change meanwhile.
        let version = routing::version(&mut connection).await?;
        let in_use = DomainsInUse::read(&mut connection).await?;
        Ok((version, in_use))
    }

    async fn keys_of(&self, domain: &str) -> Result<Vec<DkimKeyView>, Refusal> {
        let mut connection = self.store.read().await?;
        let rows = dkim::of_domain(&mut connection, domain).await?;
        let views = rows.into_iter().map(|row| DkimKeyView {
            is_usable: self.is_usable(&row),
            ..row.view
        });
        Ok(views.collect())
    }

    /// Whether the private key of a row can be unsealed.
    pub(super) fn is_usable(&self, row: &DkimKeyRow) -> bool {
        let private = self
            .vault
            .unseal(DKIM_SCOPE, &row.view.id, &row.private_key);
        private.is_ok()
    }

    async fn listed(
        &self,
        domain: &str,
        used_by: &[String],
        version: i64,
        in_use: &DomainsInUse,
    ) -> Result<FromDomain, Refusal> {
        Ok(FromDomain {
            domain: domain.to_owned(),
            used_by: used_by.to_vec(),
            check: self.checked(domain, version, in_use).await?,
        })
    }

    /// The check of a domain, made now or a few seconds ago.
    async fn checked(
        &self,
        domain: &str,
        version: i64,
        in_use: &DomainsInUse,
    ) -> Result<DomainCheck, Refusal> {
        let kept = self.kept.lock().get(domain).cloned();
        if let Some(kept) = kept
            && kept.version == version
            && kept.made_at.elapsed() < KEPT
        {
            return Ok(kept.check);
        }
        let keys = self.keys_of(domain).await?;
        let relays = in_use.relays_of(domain);
        let subject = CheckedDomain {
            domain,
            relays: &relays,
            keys: &keys,
        };
        let check = DomainCheck {
            domain: domain.to_owned(),
            checked_at: self.clock.now(),
            findings: check(&*self.dns, &subject).await,
        };
        let made = KeptCheck {
            made_at: Instant::now(),
            version,
            check: check.clone(),
        };
        let mut kept = self.kept.lock();
        kept.retain(|_, kept| kept.made_at.elapsed() < KEPT);
        kept.insert(domain.to_owned(), made);
        Ok(check)
    }
}
