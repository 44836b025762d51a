//! Why a message waits: its relays, where none takes messages, or those that it is pinned to.

use std::collections::BTreeSet;

use domain::outbox::{BackoffView, RelayState, UnavailableRelay, Worker};
use domain::settings::relay::{RelayRule, positions};
use domain::{SmtpSettings, Timestamp};

use super::mail_outage::MailOutage;
use super::settings::{ConfiguredRelay, add_cause, of_organisation};
use crate::outbox::HEARTBEAT_TIMEOUT;
use crate::settings::OWN_RELAY;
use crate::store::delivery::{pause, workers};
use crate::store::messages::flows::{self, QueueTarget};
use crate::store::settings::{information, policy};
use crate::store::{Connection, Scope, StoreError};

/// The relays of a message that is due, where no worker has one that takes messages; otherwise those relays
/// that take none and that its recipients are pinned to, by host and port.
///
/// # Errors
/// Where the database fails.
pub(in crate::outbox) async fn waits_for(
    connection: &mut Connection,
    message_id: &str,
    due: bool,
    pinned_to: &BTreeSet<&str>,
    now: Timestamp,
) -> Result<Vec<UnavailableRelay>, StoreError> {
    let Some(queue) = flows::queue_of(connection, message_id).await? else {
        return Ok(Vec::new());
    };
    let processes = workers::all(connection, now - HEARTBEAT_TIMEOUT).await?;
    let workers = processes.workers;
    let target = QueueTarget::of(&queue);
    let policy = policy::read(connection).await?;
    let own = match target.own.filter(|_| policy.own_relays) {
        Some(scope) => of_account(connection, scope).await?,
        None => None,
    };
    let takes_over = own.is_none() || policy.fallback;
    let own = own.map(|settings| {
        let account = target.own.and_then(Scope::account);
        unavailable_own(&settings, account.as_deref(), &workers)
    });
    let relays = match takes_over {
        true => of_organisation(connection).await?,
        false => Vec::new(),
    };
    let of_organisation = unavailable(&relays, target.rule, &workers);
    let own_pinned = own.iter().flatten();
    let own_pinned = own_pinned.filter(|own| pinned_to.contains(&*own.backoff.relay));
    let pinned: Vec<UnavailableRelay> = own_pinned
        .cloned()
        .chain(unavailable_at(&relays, target.rule, pinned_to, &workers))
        .collect();
    let all = match own {
        None => of_organisation,
        // One of them takes the message.
        Some(None) => Vec::new(),
        Some(Some(_)) if takes_over && of_organisation.is_empty() => Vec::new(),
        Some(Some(own)) => std::iter::once(own).chain(of_organisation).collect(),
    };
    Ok(match due && !all.is_empty() {
        true => all,
        false => pinned,
    })
}

/// The settings of an account's own relay, where they are valid.
async fn of_account(
    connection: &mut Connection,
    scope: Scope,
) -> Result<Option<SmtpSettings>, StoreError> {
    let saved = information::read(connection, scope).await?;
    Ok(saved.and_then(|saved| saved.form.parse().ok()))
}

/// The own relay of an account, where each worker backs off from it.
pub(super) fn unavailable_own(
    settings: &SmtpSettings,
    account: Option<&str>,
    workers: &[Worker],
) -> Option<UnavailableRelay> {
    let address = settings.host.with_port(settings.port);
    let is_own =
        |backoff: &BackoffView| backoff.relay == address && backoff.account.as_deref() == account;
    let mut backoff = backoff_of_all(workers, is_own)?;
    add_cause(&mut backoff, settings);
    Some(UnavailableRelay {
        name: OWN_RELAY.to_owned(),
        own: true,
        backoff,
    })
}

/// Why mail of a queue that is accepted now would not leave soon; `None` where it would.
///
/// # Errors
/// Where the database fails.
pub(in crate::outbox) async fn outage(
    connection: &mut Connection,
    queue: &str,
    now: Timestamp,
) -> Result<Option<MailOutage>, StoreError> {
    let rule = QueueTarget::of(queue).rule;
    let configured = of_organisation(connection).await?;
    if of_rule(&configured, rule).next().is_none() {
        return Ok(Some(MailOutage::NotConfigured));
    }
    let processes = workers::all(connection, now - HEARTBEAT_TIMEOUT).await?;
    if !processes.holding.is_empty() || pause::read(connection).await?.is_some() {
        return Ok(Some(MailOutage::Paused));
    }
    if processes.workers.is_empty() {
        return Ok(Some(MailOutage::NoDelivery));
    }
    let failing = unavailable(&configured, rule, &processes.workers);
    let names: Vec<String> = failing.into_iter().map(|relay| relay.name).collect();
    Ok((!names.is_empty()).then_some(MailOutage::RelaysFail(names)))
}

/// The relays for the mail of a rule, where each worker backs off from all of them.
pub(super) fn unavailable(
    relays: &[ConfiguredRelay],
    rule: Option<&str>,
    workers: &[Worker],
) -> Vec<UnavailableRelay> {
    let found = of_rule(relays, rule).map(|relay| unavailable_relay(relay, workers));
    found.collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// Of the relays for the mail of a rule those with these hosts and ports, where each worker backs off from
/// all with the same.
fn unavailable_at(
    relays: &[ConfiguredRelay],
    rule: Option<&str>,
    addresses: &BTreeSet<&str>,
    workers: &[Worker],
) -> Vec<UnavailableRelay> {
    let at = |address: &&str| {
        let found = of_rule(relays, rule).filter(|relay| relay.address() == **address);
        let found = found.map(|relay| unavailable_relay(relay, workers));
        found.collect::<Option<Vec<_>>>().unwrap_or_default()
    };
    addresses.iter().flat_map(at).collect()
}

/// The relays for the mail of a rule, in their order.
fn of_rule<'a>(
    relays: &'a [ConfiguredRelay],
    rule: Option<&'a str>,
) -> impl Iterator<Item = &'a ConfiguredRelay> {
    let rules = relays.iter().map(|relay| RelayRule {
        from_domain: relay.config.from_domain.as_deref(),
        enabled: relay.config.enabled,
    });
    positions(rules, rule).map(move |index| &relays[index])
}

/// A relay, where each worker backs off from it.
fn unavailable_relay(relay: &ConfiguredRelay, workers: &[Worker]) -> Option<UnavailableRelay> {
    let address = relay.address();
    let mut backoff = backoff_of_all(workers, |backoff| backoff.is_of(&relay.id, &address))?;
    add_cause(&mut backoff, &relay.settings);
    Some(UnavailableRelay {
        name: relay.config.name.clone(),
        own: false,
        backoff,
    })
}

/// The backoff from the relay that `is_of` recognises, of an account or of the organisation, that began
/// first; `None` where a worker does not back off from it.
fn backoff_of_all(workers: &[Worker], is_of: impl Fn(&BackoffView) -> bool) -> Option<BackoffView> {
    let of_worker = |worker: &Worker| {
        let takes_none =
            |backoff: &&BackoffView| is_of(backoff) && backoff.state != RelayState::HalfOpen;
        worker.backoffs.iter().find(takes_none).cloned()
    };
    let backoffs: Option<Vec<BackoffView>> = workers.iter().map(of_worker).collect();
    backoffs?.into_iter().min_by_key(|backoff| backoff.since)
}

#[cfg(test)]
mod tests {
    use domain::settings::relay::{RelayConfig, RelayLimits};
    use domain::{Failure, Fault, Form, Label, Stage};

    use super::*;

    fn relay(name: &str, rule: Option<&str>, enabled: bool) -> ConfiguredRelay {
        let form = Form::default()
            .with(Label::FromAddress, "alerts@example.org")
            .with(Label::Host, name)
            .with(Label::Port, "25");
        ConfiguredRelay {
            id: name.to_owned(),
            config: RelayConfig {
                name: name.to_uppercase(),
                from_domain: rule.map(str::to_owned),
                enabled,
                limits: RelayLimits::default(),
            },
            settings: form.parse().expect("valid"),
        }
    }

    fn worker(relays: &[&str], since: i64) -> Worker {
        let backoff = |relay: &&str| BackoffView {
            relay: format!("{relay}:25"),
            id: None,
            name: None,
            account: None,
            state: RelayState::BackingOff,
            failure: Failure::new(Stage::Tcp, Fault::ConnectionRefused, "refused"),
            cause: None,
            since: Timestamp(since),
            next: Timestamp(9),
        };
        Worker {
            host: "gate".to_owned(),
            connections: 0,
            per_minute: 0,
            latency: None,
            relays: 4,
            backoffs: relays.iter().map(backoff).collect(),
        }
    }

    #[test]
    fn a_message_waits_where_no_worker_has_a_relay_for_it() {
        const RULE: Option<&str> = Some("example.org");
        let relays = [
            relay("a", None, true),
            relay("b", None, true),
            relay("c", RULE, true),
            relay("d", None, false),
        ];
        for (rule, workers, expected) in [
            (None, vec![], ""),
            (None, vec![worker(&["a"], 1)], ""),
            (None, vec![worker(&["a", "b"], 1)], "A since 1, B since 1"),
            (RULE, vec![worker(&["a", "b"], 1)], ""),
            (RULE, vec![worker(&["c"], 1)], "C since 1"),
            (None, vec![worker(&["a", "b"], 1), worker(&["a"], 2)], ""),
            (
                None,
                vec![worker(&["a", "b"], 2), worker(&["b", "a"], 1)],
                "A since 1, B since 1",
            ),
        ] {
            let found = unavailable(&relays, rule, &workers);
            let text = |relay: &UnavailableRelay| {
                assert!(relay.backoff.cause.is_some(), "{relay:?}");
                format!("{} since {}", relay.name, relay.backoff.since.0)
            };
            let found: Vec<String> = found.iter().map(text).collect();
            assert_eq!(found.join(", "), expected, "{rule:?} {workers:?}");
        }
    }

    #[test]
    fn a_message_that_is_pinned_to_a_relay_waits_for_that_one() {
        let relays = [
            relay("a", None, true),
            relay("b", None, true),
            relay("c", Some("example.org"), true),
        ];
        for (pinned_to, workers, expected) in [
            ("a:25", vec![worker(&["a"], 1)], "A"),
            ("b:25", vec![worker(&["a"], 1)], ""),
            ("a:25", vec![worker(&["a"], 1), worker(&[], 1)], ""),
            // It is not for their mail, and so keeps none.
            ("c:25", vec![worker(&["c"], 1)], ""),
            ("d:25", vec![worker(&["d"], 1)], ""),
        ] {
            let addresses = BTreeSet::from([pinned_to]);
            let found = unavailable_at(&relays, None, &addresses, &workers);
            let names: Vec<&str> = found.iter().map(|relay| &*relay.name).collect();
            assert_eq!(names.concat(), expected, "{pinned_to} {workers:?}");
        }
    }
}
