//! The From domains in use, and the relays that carry their mail.

use std::collections::BTreeMap;

use domain::settings::relay::{RelayConfig, RelayRule, positions};
use domain::{Host, SmtpSettings};

use super::findings::SendingRelay;
use super::typed_domain::parse;
use crate::mail::is_domain_key;
use crate::store::accounts::{self, sender_identities};
use crate::store::keys::dkim;
use crate::store::settings::{information, policy};
use crate::store::{Connection, StoreError, relays};

/// What uses the domain of the address of an account.
const OF_ACCOUNT: &str = "the address of an account";

/// A relay of the organisation with valid settings.
struct RelayInUse {
    config: RelayConfig,
    settings: SmtpSettings,
}

/// The From domains in use, in ASCII and lower case.
pub struct DomainsInUse {
    relays: Vec<RelayInUse>,
    /// The domains and hosts of the relays of accounts.
    own: Vec<(String, Host)>,
    uses: BTreeMap<String, Vec<String>>,
}

impl DomainsInUse {
    /// Reads the From addresses of relays and the domains of their rules, what accounts may send from (their own
    /// addresses, and their sender addresses), and the domains with DKIM keys. What programs that may send from any
    /// address use is left out: only the content of stored mail has its From address.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn read(connection: &mut Connection) -> Result<Self, StoreError> {
        let mut in_use = Self {
            relays: Vec::new(),
            own: Vec::new(),
            uses: BTreeMap::new(),
        };
        let saved = information::of_relays(connection).await?;
        for row in relays::all(connection).await? {
            let name = row.config.name.clone();
            if let Some(domain) = &row.config.from_domain {
                in_use.add(domain, format!("the rule of {name}"));
            }
            let id = row.scope.relay_id();
            let form = saved.iter().find(|saved| saved.relay == id);
            let Some(settings) = form.and_then(|saved| saved.form.parse().ok()) else {
                continue;
            };
            in_use.add(
                settings.from_address.domain(),
                format!("the From address of {name}"),
            );
            let config = row.config;
            in_use.relays.push(RelayInUse { config, settings });
        }
        if policy::read(connection).await?.own_relays {
            for saved in information::of_accounts(connection).await? {
                let Ok(settings) = saved.form.parse() else {
                    continue;
                };
                let domain = settings.from_address.domain();
                in_use.add(domain, "the relay of an account".to_owned());
                if let Some(domain) = ascii(domain) {
                    in_use.own.push((domain, settings.host));
                }
            }
        }
        for address in accounts::enabled_addresses(connection).await? {
            let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
            in_use.add(domain, OF_ACCOUNT.to_owned());
        }
        for sender in sender_identities::confirmed(connection).await? {
            let domain = match is_domain_key(&sender.key) {
                true => sender.key.trim_start_matches('@'),
                false => sender.key.rsplit_once('@').map_or("", |(_, domain)| domain),
            };
            in_use.add(domain, "a sender address of an account".to_owned());
        }
        for key in dkim::all(connection).await? {
            in_use.add(&key.view.domain, "a DKIM key".to_owned());
        }
        Ok(in_use)
    }

    /// Adds a use, once. A domain that cannot be checked is left out.
    fn add(&mut self, domain: &str, by: String) {
        let Some(domain) = ascii(domain) else {
            return;
        };
        let uses = self.uses.entry(domain).or_default();
        if !uses.contains(&by) {
            uses.push(by);
        }
    }

    /// The number of domains.
    pub fn number(&self) -> usize {
        self.uses.len()
    }

    /// At most so many domains, in their order, and what uses each. Those that nothing but addresses of accounts
    /// uses are left out first.
    pub fn at_most(&self, number: usize) -> Vec<(&String, &Vec<String>)> {
        let mut uses: Vec<(&String, &Vec<String>)> = self.uses.iter().collect();
        uses.sort_by_key(|(_, used_by)| **used_by == [OF_ACCOUNT]);
        uses.truncate(number);
        uses.sort();
        uses
    }

    /// The relays that carry the mail of a domain: those of its rule, else those without one, and those of
    /// accounts.
    pub fn relays_of(&self, domain: &str) -> Vec<SendingRelay> {
        let rules = self.relays.iter().map(|relay| RelayRule {
            from_domain: relay.config.from_domain.as_deref(),
            enabled: relay.config.enabled,
        });
        let of_organisation = positions(rules, Some(domain)).map(|index| {
            let relay = &self.relays[index];
            SendingRelay {
                name: relay.config.name.clone(),
                host: relay.settings.host.clone(),
                address: None,
            }
        });
        let of_accounts = self.own.iter().filter(|(own, _)| own == domain);
        let of_accounts = of_accounts.map(|(_, host)| SendingRelay {
            name: "the relay of an account".to_owned(),
            host: host.clone(),
            address: None,
        });
        let mut found: Vec<SendingRelay> = Vec::new();
        for relay in of_organisation.chain(of_accounts) {
            if !found.contains(&relay) {
                found.push(relay);
            }
        }
        found
    }
}

/// A domain in ASCII and lower case; `None` for what has no check and no page, such as an address literal or
/// `localhost`.
fn ascii(domain: &str) -> Option<String> {
    parse(domain).ok()
}
