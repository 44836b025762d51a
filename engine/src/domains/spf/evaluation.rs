//! Evaluates the SPF record of a domain for an address (RFC 7208 section 4), with its limits.

use std::net::IpAddr;

use futures::future::BoxFuture;
use ipnet::IpNet;
use strum::IntoStaticStr;

use super::macros::MacroValues;
use super::record::{SpfDirective, SpfMechanism, SpfPrefixes, SpfQualifier, SpfRecord};
use crate::domains::dns::{self, Dns};
use crate::smtp::{DnsFailure, DnsType};

/// The most terms that need look-ups, and the most exchanges of a domain (RFC 7208 section 4.6.4).
const LOOKUPS: usize = 10;

/// The most look-ups without an answer.
const VOID_LOOKUPS: usize = 2;

/// The result of an evaluation (RFC 7208 section 2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum SpfResult {
    Pass,
    Fail,
    SoftFail,
    Neutral,
    None,
    PermError,
    TempError,
}

impl SpfResult {
    /// As in the field Received-SPF.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl From<SpfQualifier> for SpfResult {
    fn from(qualifier: SpfQualifier) -> Self {
        match qualifier {
            SpfQualifier::Pass => Self::Pass,
            SpfQualifier::Fail => Self::Fail,
            SpfQualifier::SoftFail => Self::SoftFail,
            SpfQualifier::Neutral => Self::Neutral,
        }
    }
}

/// A result, and the mechanism or the fault that decided it; empty where none did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpfOutcome {
    pub result: SpfResult,
    pub by: String,
}

impl SpfOutcome {
    fn new(result: SpfResult, by: impl Into<String>) -> Self {
        Self {
            result,
            by: by.into(),
        }
    }

    fn permanent(fault: impl Into<String>) -> Self {
        Self::new(SpfResult::PermError, fault)
    }
}

impl From<DnsFailure> for SpfOutcome {
    fn from(failure: DnsFailure) -> Self {
        Self::new(SpfResult::TempError, failure.0)
    }
}

/// Evaluates the record of a domain for mail that an address of it sends from `address`.
pub async fn evaluate(dns: &dyn Dns, domain: &str, address: IpAddr) -> SpfOutcome {
    let sender = format!("postmaster@{domain}");
    let mut evaluation = Evaluation {
        dns,
        sender: &sender,
        address: address.to_canonical(),
        lookups: 0,
        void_lookups: 0,
    };
    evaluation.check(domain.to_owned()).await
}

/// Whether a text is an SPF record (RFC 7208 section 4.5).
pub fn is_spf(text: &str) -> bool {
    let version = text.split(' ').next().unwrap_or_default();
    version.eq_ignore_ascii_case("v=spf1")
}

struct Evaluation<'e> {
    dns: &'e dyn Dns,
    sender: &'e str,
    address: IpAddr,
    lookups: usize,
    void_lookups: usize,
}

impl Evaluation<'_> {
    /// The function `check_host()` of RFC 7208.
    fn check(&mut self, domain: String) -> BoxFuture<'_, SpfOutcome> {
        Box::pin(async move {
            match self.try_check(&domain).await {
                Ok(outcome) | Err(outcome) => outcome,
            }
        })
    }

    async fn try_check(&mut self, domain: &str) -> Result<SpfOutcome, SpfOutcome> {
        let mut texts = dns::texts(self.dns, domain).await?;
        texts.retain(|text| is_spf(text));
        let record = match &texts[..] {
            [] => return Ok(SpfOutcome::new(SpfResult::None, "")),
            [only] => SpfRecord::parse(only).map_err(SpfOutcome::permanent)?,
            several => {
                let text = format!("{domain} has {} SPF records", several.len());
                return Err(SpfOutcome::permanent(text));
            }
        };
        for directive in &record.directives {
            if self.matches(directive, domain).await? {
                let result = directive.qualifier.into();
                return Ok(SpfOutcome::new(result, directive.text.clone()));
            }
        }
        let Some(target) = &record.redirect else {
            return Ok(SpfOutcome::new(SpfResult::Neutral, ""));
        };
        self.count_lookup()?;
        let target = self.expand(target, domain)?;
        let outcome = self.check(target.clone()).await;
        match outcome.result {
            SpfResult::None => Err(SpfOutcome::permanent(format!("{target} has no SPF record"))),
            _ => Ok(outcome),
        }
    }

    async fn matches(
        &mut self,
        directive: &SpfDirective,
        domain: &str,
    ) -> Result<bool, SpfOutcome> {
        match &directive.mechanism {
            SpfMechanism::All => Ok(true),
            SpfMechanism::Network(network) => Ok(network.contains(&self.address)),
            SpfMechanism::Ptr => {
                self.count_lookup()?;
                Ok(false)
            }
            SpfMechanism::Include(target) => {
                self.count_lookup()?;
                let target = self.expand(target, domain)?;
                let included = self.check(target.clone()).await;
                match included.result {
                    SpfResult::Pass => Ok(true),
                    SpfResult::Fail | SpfResult::SoftFail | SpfResult::Neutral => Ok(false),
                    SpfResult::TempError | SpfResult::PermError => Err(included),
                    SpfResult::None => {
                        let text = format!("{target} is included and has no SPF record");
                        Err(SpfOutcome::permanent(text))
                    }
                }
            }
            SpfMechanism::A(target, prefixes) => {
                self.count_lookup()?;
                let target = self.target(target.as_deref(), domain)?;
                let found = dns::addresses(self.dns, &target, self.family()).await?;
                self.count_void(found.is_empty())?;
                Ok(self.is_within(&found, *prefixes))
            }
            SpfMechanism::Mx(target, prefixes) => {
                self.count_lookup()?;
                let target = self.target(target.as_deref(), domain)?;
                let exchanges = dns::exchanges(self.dns, &target).await?;
                self.count_void(exchanges.is_empty())?;
                if exchanges.len() > LOOKUPS {
                    let text = format!("{target} has more than {LOOKUPS} MX records");
                    return Err(SpfOutcome::permanent(text));
                }
                for exchange in exchanges
                    .iter()
                    .filter(|exchange| !exchange.host.is_empty())
                {
                    let found = dns::addresses(self.dns, &exchange.host, self.family()).await?;
                    self.count_void(found.is_empty())?;
                    if self.is_within(&found, *prefixes) {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            SpfMechanism::Exists(target) => {
                self.count_lookup()?;
                let target = self.expand(target, domain)?;
                let found = dns::addresses(self.dns, &target, DnsType::A).await?;
                self.count_void(found.is_empty())?;
                Ok(!found.is_empty())
            }
        }
    }

    fn target(&self, target: Option<&str>, domain: &str) -> Result<String, SpfOutcome> {
        match target {
            Some(target) => self.expand(target, domain),
            None => Ok(domain.to_owned()),
        }
    }

    fn expand(&self, target: &str, domain: &str) -> Result<String, SpfOutcome> {
        let values = MacroValues {
            sender: self.sender,
            domain,
            address: self.address,
        };
        values.expand(target).map_err(SpfOutcome::permanent)
    }

    fn family(&self) -> DnsType {
        match self.address {
            IpAddr::V4(_) => DnsType::A,
            IpAddr::V6(_) => DnsType::Aaaa,
        }
    }

    fn is_within(&self, found: &[IpAddr], prefixes: SpfPrefixes) -> bool {
        found.iter().any(|found| {
            let length = match found {
                IpAddr::V4(_) => prefixes.v4,
                IpAddr::V6(_) => prefixes.v6,
            };
            IpNet::new(*found, length).is_ok_and(|network| network.contains(&self.address))
        })
    }

    fn count_lookup(&mut self) -> Result<(), SpfOutcome> {
        self.lookups += 1;
        match self.lookups > LOOKUPS {
            true => Err(SpfOutcome::permanent(format!(
                "the record needs more than {LOOKUPS} look-ups"
            ))),
            false => Ok(()),
        }
    }

    fn count_void(&mut self, is_void: bool) -> Result<(), SpfOutcome> {
        self.void_lookups += usize::from(is_void);
        match self.void_lookups > VOID_LOOKUPS {
            true => Err(SpfOutcome::permanent(format!(
                "more than {VOID_LOOKUPS} names in the record do not exist"
            ))),
            false => Ok(()),
        }
    }
}
