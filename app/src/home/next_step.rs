//! The first thing to do, with a link to the page where it is done.

use domain::home::NextStep;

use crate::account::ACCOUNT;
use crate::components::exact;
use crate::keys::KEYS;
use crate::my_relay::MY_RELAY;
use crate::outbox::OUTBOX;
use crate::relays::relay_path;
use crate::server_prelude::*;
use crate::settings::SETTINGS;

/// A step in words, with its link.
struct StepText {
    text: String,
    /// The text of the link and its path; none where the viewer can only wait.
    link: Option<(String, String)>,
}

impl StepText {
    fn of(step: NextStep) -> Self {
        let link = |label: &str, path: &str| Some((label.to_owned(), path.to_owned()));
        match step {
            NextStep::SaveSettings => Self {
                text: "Save the settings of the relay that mail is to leave through.".to_owned(),
                link: link("Set up a relay", SETTINGS),
            },
            NextStep::ResumeDelivery => Self {
                text: "Resume delivery. Mail that was accepted meanwhile is held until it is released."
                    .to_owned(),
                link: link("Go to the switch", OUTBOX),
            },
            NextStep::ResumeAfterRestore => Self {
                text: "Resume delivery. A backup was restored: cancel queued mail first that was sent after \
                       the backup was made, or it is sent twice."
                    .to_owned(),
                link: link("Look at the queue", OUTBOX),
            },
            NextStep::EndHold => Self {
                text: "Start Postern without --hold-mail and without POSTERN_HOLD_MAIL.".to_owned(),
                link: link("See which process holds mail", OUTBOX),
            },
            NextStep::StartDelivery => Self {
                text: "Start postern deliver, or postern serve without --no-delivery.".to_owned(),
                link: link("See what waits", OUTBOX),
            },
            NextStep::EnterAgain(number) => Self {
                text: match number {
                    1 => "The file of a key is lost: 1 secret does not open until the file is restored or the secret is entered again.".to_owned(),
                    _ => format!("The file of a key is lost: {number} secrets do not open until the file is restored or they are entered again."),
                },
                link: link("Look at the keys", KEYS),
            },
            NextStep::RestoreKeyFiles(number) => Self {
                text: match number {
                    1 => "The file of a key is gone: what it sealed is lost when Postern ends. Restore the file, or make a new key.".to_owned(),
                    _ => format!("The files of {number} keys are gone: what they sealed is lost when Postern ends. Restore the files, or make a new key."),
                },
                link: link("Look at the keys", KEYS),
            },
            NextStep::RepairRelay { relay, own, cause } => Self {
                text: match cause {
                    Some(cause) => format!("Repair {}. {cause}", relay.name),
                    None => format!("Repair {}.", relay.name),
                },
                link: match own {
                    true => link("Look at my relay", MY_RELAY),
                    false => link(&format!("Look at {}", relay.name), &relay_path(&relay.id)),
                },
            },
            NextStep::TestSettings(relay) => Self {
                text: format!("Send a test email through {}.", relay.name),
                link: link(&format!("Test {}", relay.name), &relay_path(&relay.id)),
            },
            NextStep::RenewAuthority(end) => Self {
                text: format!(
                    "Trust another CA certificate for {}: the present one ends on {}.",
                    end.relay.name,
                    exact(end.at)
                ),
                link: link(
                    &format!("Go to {}", end.relay.name),
                    &relay_path(&end.relay.id),
                ),
            },
            NextStep::RenewToken(token) => Self {
                text: format!(
                    "Make another API token in the place of “{}”, which expires on {}.",
                    token.name,
                    exact(token.at)
                ),
                link: link("Go to the tokens", ACCOUNT),
            },
            NextStep::RotateKeys(made) => Self {
                text: format!(
                    "Make a new key for stored secrets: the present one was made on {}.",
                    exact(made)
                ),
                link: link("Go to the keys", KEYS),
            },
            NextStep::AskAdministrator => Self {
                text: "An administrator has to repair this. Your mail waits until then.".to_owned(),
                link: None,
            },
        }
    }
}

#[component]
pub fn FirstThingToDo(step: NextStep) -> AnyView {
    let StepText { text, link } = StepText::of(step);
    let link = link.map(|(label, path)| {
        view! {
            <a class="button button-primary" href=path>
                {label}
            </a>
        }
    });
    view! {
        <section class="home-next" aria-labelledby="home-next">
            <div>
                <h2 id="home-next">"First thing to do"</h2>
                <p>{text}</p>
            </div>
            {link}
        </section>
    }
    .into_any()
}
