//! Which relay the mail of an account leaves through, and the state of that relay.

use domain::Timestamp;
use domain::outbox::RelayState;
use engine::{AccountRelay, RelayStatus};

use super::{MY_RELAY, REMOVE_MY_RELAY};
use crate::outbox::Backoff;
use crate::server_prelude::*;

/// What the card says, beside the failure of the own relay.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Text {
    /// `good`, `warn` or `bad`.
    tone: &'static str,
    title: &'static str,
    /// Host and port of the relay in use.
    address: Option<String>,
    detail: String,
}

/// `is_down`: the own relay fails its checks.
#[component]
pub fn State(relay: AccountRelay, status: RelayStatus, is_down: bool, now: Timestamp) -> AnyView {
    let Text {
        tone,
        title,
        address,
        detail,
    } = text(&relay, &status, is_down);
    let failure = status.own.filter(|_| relay.uses_own()).map(|backoff| {
        let diagnose = Some(MY_RELAY.to_owned());
        view! { <Backoff backoff name=None diagnose now /> }
    });
    // Also an own relay that is not used can be removed.
    let removal = relay.own.saved.is_some().then(|| {
        view! {
            <div class="buttons">
                <a class="button button-secondary" href=REMOVE_MY_RELAY>
                    "Use the organisation's relay"
                </a>
            </div>
        }
    });
    view! {
        <section class="card delivery-status" aria-label="Relay in use">
            <p class="delivery-status-title">
                <span class=format!("delivery-status-{tone}")>{title}</span>
            </p>
            <p>
                {address.map(|address| view! { <strong>{address}</strong> ". " })} {detail}
            </p>
            {failure}
            {removal}
        </section>
    }
    .into_any()
}

fn text(relay: &AccountRelay, status: &RelayStatus, is_down: bool) -> Text {
    if relay.uses_own() {
        let (tone, detail) = match own(relay.fallback, status) {
            ("good", _) if is_down => ("bad", "It fails its checks, as its health below says."),
            found => found,
        };
        return Text {
            tone,
            title: "You are using your own relay",
            address: relay.address.clone(),
            detail: detail.to_owned(),
        };
    }
    let kept = match relay.own.saved {
        Some(_) if !relay.allowed => " Your own relay is kept and not used.",
        _ => "",
    };
    let organisation = relay.organisation.as_ref();
    let (tone, detail) = match organisation {
        None => ("warn", "It is not set up yet: your mail waits."),
        Some(_) => organisations(status),
    };
    Text {
        tone,
        title: "You are using the organisation's relay",
        address: organisation.map(|relay| relay.host.with_port(relay.port)),
        detail: format!("{detail}{kept}"),
    }
}

/// Tone and text of the state of the own relay.
fn own(fallback: bool, status: &RelayStatus) -> (&'static str, &'static str) {
    match (&status.own, fallback) {
        _ if status.paused => ("warn", PAUSED),
        (None, true) => (
            "good",
            "It is healthy. When it takes no mail, the organisation's relay takes over.",
        ),
        (None, false) => (
            "good",
            "It is healthy. When it takes no mail, your mail waits for it.",
        ),
        (Some(_), true) => (
            "bad",
            "It takes no mail at present: the organisation's relay has taken over.",
        ),
        (Some(_), false) => (
            "bad",
            "It takes no mail at present: your mail waits for it.",
        ),
    }
}

/// Tone and text of the state of the organisation's relay, without its failure.
fn organisations(status: &RelayStatus) -> (&'static str, &'static str) {
    match status.organisation {
        _ if status.paused => ("warn", PAUSED),
        None | Some(RelayState::HalfOpen) => ("good", "It is healthy."),
        Some(RelayState::AtLimit) => ("warn", "It is at its limit of messages: your mail waits."),
        Some(RelayState::BackingOff | RelayState::Silent) => (
            "bad",
            "It is backing off after failures: your mail waits. An administrator has to repair this.",
        ),
    }
}

const PAUSED: &str = "Delivery is paused: your mail waits.";

#[cfg(test)]
mod tests {
    use domain::outbox::BackoffView;
    use domain::settings::{PasswordState, SettingsView, Stamp, Verification};
    use domain::{ConnectionType, Failure, Fault, Form, Stage};
    use engine::OrganisationRelay;

    use super::*;

    fn relay(allowed: bool, address: Option<&str>) -> AccountRelay {
        let stamp = Stamp {
            at: Timestamp(1),
            by: "ann@example.org".to_owned(),
        };
        AccountRelay {
            allowed,
            fallback: true,
            own: SettingsView {
                form: Form::default(),
                password: PasswordState::None,
                revision: 0,
                saved: address.map(|_| stamp),
                verified: Verification::Never,
                earlier: Vec::new(),
                locks: Vec::new(),
            },
            address: address.map(str::to_owned),
            organisation: Some(OrganisationRelay {
                host: "smtp.example.org".parse().expect("a host"),
                port: 587,
                connection: ConnectionType::Tls,
                has_password: true,
                user: None,
                saved: None,
            }),
        }
    }

    #[test]
    fn the_relay_in_use_and_its_state_are_named() {
        let healthy = RelayStatus::default();
        let failing = RelayStatus {
            own: Some(BackoffView {
                relay: "smtp.example.net:587".to_owned(),
                id: None,
                name: None,
                account: Some("01J".to_owned()),
                state: RelayState::BackingOff,
                failure: Failure::new(Stage::Tcp, Fault::ConnectionRefused, "refused"),
                cause: None,
                since: Timestamp(1),
                next: Timestamp(2),
            }),
            ..RelayStatus::default()
        };
        let paused = RelayStatus {
            paused: true,
            ..RelayStatus::default()
        };
        let down = RelayStatus {
            organisation: Some(RelayState::BackingOff),
            ..RelayStatus::default()
        };
        let own = Some("smtp.example.net:587");
        for (relay, status, tone, detail) in [
            (relay(true, own), &healthy, "good", "It is healthy. When"),
            (relay(true, own), &failing, "bad", "has taken over"),
            (relay(true, own), &paused, "warn", "paused"),
            (relay(true, own), &down, "good", "It is healthy. When"),
            (relay(false, own), &healthy, "good", "kept and not used"),
            (relay(true, None), &healthy, "good", "It is healthy."),
            (relay(true, None), &down, "bad", "backing off"),
        ] {
            let text = text(&relay, status, false);
            assert_eq!(text.tone, tone, "{text:?}");
            assert!(text.detail.contains(detail), "{text:?}");
            let address = match relay.uses_own() {
                true => "smtp.example.net:587",
                false => "smtp.example.org:587",
            };
            assert_eq!(text.address.as_deref(), Some(address));
        }
        let mut alone = relay(true, None);
        alone.organisation = None;
        assert_eq!(text(&alone, &healthy, false).tone, "warn");
        let down = text(&relay(true, own), &healthy, true);
        assert_eq!(
            (down.tone, &*down.detail),
            ("bad", "It fails its checks, as its health below says.")
        );
        assert!(
            text(&relay(true, own), &failing, true)
                .detail
                .contains("has taken over")
        );
        assert_eq!(text(&relay(false, own), &healthy, true).tone, "good");
    }
}
