//! The texts of mail about changes of the health of relays.

use domain::Stage;
use domain::health::HealthState;

use crate::store::notifications::health_mail::MailedChange;

/// The path of the page of the organisation's relays.
pub const RELAYS_PATH: &str = "/settings/relays";

/// The path of the page of an account's own relay.
pub const OWN_RELAY_PATH: &str = "/my-relay";

pub fn subject(change: &MailedChange) -> String {
    let relay = match change.own {
        true => "Your relay".to_owned(),
        false => format!("Relay {}", change.relay_name),
    };
    format!("{relay} {}", description(change.to))
}

/// The text. `public_url` is where people reach the console.
pub fn body(change: &MailedChange, public_url: &str) -> String {
    let relay = match change.own {
        true => "Your own relay".to_owned(),
        false => format!("The relay \"{}\"", change.relay_name),
    };
    let page = match change.own {
        true => OWN_RELAY_PATH,
        false => RELAYS_PATH,
    };
    let is_recovery = change.to == HealthState::Healthy;
    let times = match (is_recovery, change.failing_since) {
        (true, Some(since)) => format!("It failed from {since} until {}.", change.at),
        (true, None) => format!("It works since {}.", change.at),
        (false, since) => format!("It fails since {}.", since.unwrap_or(change.at)),
    };
    let mut text = format!("{relay} {}. {times}\n", description(change.to));
    let details = [
        ("Stage", change.stage.map(Stage::title)),
        ("Cause", change.cause.clone()),
        ("Reply", change.reply.clone()),
    ];
    let details: String = details
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| format!("{name}: {value}\n")))
        .collect();
    if !details.is_empty() {
        text.push('\n');
        text.push_str(&details);
    }
    text.push('\n');
    text.push_str(match (is_recovery, change.own) {
        (true, _) => "Mail that waited for it is sent now. There is nothing to do.\n",
        (false, true) => {
            "Mail that no other relay takes waits in the outbox and is not lost. Test the relay on its \
             page: the test names what to change.\n"
        }
        (false, false) => {
            "Mail that no other relay takes waits in the outbox and is not lost. Open the relay and \
             diagnose it: the diagnosis names what to change.\n"
        }
    });
    text.push_str(&format!("\n{public_url}{page}\n"));
    text
}

fn description(state: HealthState) -> &'static str {
    match state {
        HealthState::Down => "is down",
        HealthState::Degraded => "fails now and then",
        HealthState::Healthy => "is healthy again",
        HealthState::Unknown => "is not checked yet",
    }
}

#[cfg(test)]
mod tests {
    use domain::{Stage, Timestamp};

    use super::*;

    fn change(to: HealthState) -> MailedChange {
        MailedChange {
            relay_name: "Main relay".to_owned(),
            own: false,
            to,
            at: Timestamp(120_000),
            failing_since: Some(Timestamp(60_000)),
            stage: Some(Stage::Auth),
            cause: Some("The relay refuses the password.".to_owned()),
            reply: Some("535 5.7.8 no".to_owned()),
        }
    }

    #[test]
    fn a_mail_says_what_since_when_why_and_where() {
        let down = change(HealthState::Down);
        assert_eq!(subject(&down), "Relay Main relay is down");
        assert_eq!(
            body(&down, "https://gate.example"),
            "The relay \"Main relay\" is down. It fails since 1970-01-01 00:01 UTC.\n\
             \n\
             Stage: AUTH sign-in\n\
             Cause: The relay refuses the password.\n\
             Reply: 535 5.7.8 no\n\
             \n\
             Mail that no other relay takes waits in the outbox and is not lost. Open the relay and \
             diagnose it: the diagnosis names what to change.\n\
             \n\
             https://gate.example/settings/relays\n"
        );
        let own = MailedChange {
            own: true,
            stage: None,
            cause: None,
            reply: None,
            ..change(HealthState::Healthy)
        };
        assert_eq!(subject(&own), "Your relay is healthy again");
        assert_eq!(
            body(&own, "https://gate.example"),
            "Your own relay is healthy again. It failed from 1970-01-01 00:01 UTC until 1970-01-01 \
             00:02 UTC.\n\
             \n\
             Mail that waited for it is sent now. There is nothing to do.\n\
             \n\
             https://gate.example/my-relay\n"
        );
    }
}
