//! The page that asks whether to bring a revision back, with what it changes.

use domain::settings::relay::OWN;
use domain::settings::revision::{RevisionComparison, RevisionPassword};
use domain::{Fields, Label, Refusal};
use engine::{Actor, Postern};

use super::changes::Changes;
use super::format::{password, saved};
use super::history_path;
use super::relay::HistoryRelay;
use super::request::WITHOUT_PASSWORD;
use crate::components::{Question, refused};
use crate::layout::console_page;
use crate::request::{other_fault, queries};
use crate::server_prelude::*;

#[component]
pub fn RestoreRelayPage() -> impl IntoView {
    console_page("Restore a revision", |actor| {
        let target = Fields::of(&queries()).read(|fields| RestoreTarget {
            id: fields.take("id").unwrap_or_default().to_owned(),
            number: fields.take_number("number").unwrap_or_default(),
        });
        restore_page(actor, target)
    })
}

#[component]
pub fn RestoreMyRelayPage() -> impl IntoView {
    console_page("Restore a revision of my relay", |actor| {
        let target = Fields::of(&queries()).read(|fields| RestoreTarget {
            id: OWN.to_owned(),
            number: fields.take_number("number").unwrap_or_default(),
        });
        restore_page(actor, target)
    })
}

/// The revision in the query.
struct RestoreTarget {
    id: String,
    number: i64,
}

fn restore_page(actor: Actor, target: Result<RestoreTarget, Refusal>) -> AnyView {
    let postern = expect_context::<Postern>();
    let fault = other_fault(&[]);
    Suspend::new(async move {
        match read(&postern, &actor, target).await {
            Ok(shown) => view! { <RestoreQuestion shown fault /> }.into_any(),
            Err(refusal) => refused(&refusal),
        }
    })
    .into_any()
}

/// What the page shows.
struct ShownRevision {
    relay: HistoryRelay,
    comparison: RevisionComparison,
}

async fn read(
    postern: &Postern,
    actor: &Actor,
    target: Result<RestoreTarget, Refusal>,
) -> Result<ShownRevision, Refusal> {
    let RestoreTarget { id, number } = target?;
    let relay = HistoryRelay::read(postern, actor, id).await?;
    let comparison = relay.settings.revision(actor, number).await?;
    Ok(ShownRevision { relay, comparison })
}

/// The text about the password, and the button; `None` where nothing can be brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RestoreOffer {
    text: String,
    button: Option<String>,
    /// Whether the revision comes back without the password that it had.
    without_password: bool,
}

fn offer(comparison: &RevisionComparison) -> RestoreOffer {
    let revision = &comparison.revision;
    if revision.is_removal {
        return RestoreOffer {
            text: "This revision is the removal of the relay. There are no settings to bring back."
                .to_owned(),
            button: None,
            without_password: false,
        };
    }
    if comparison.changes.is_empty() {
        return RestoreOffer {
            text: "Nothing differs from the settings in use.".to_owned(),
            button: None,
            without_password: false,
        };
    }
    if !comparison.locks.is_empty() {
        return RestoreOffer {
            text: locked(&comparison.locks),
            button: None,
            without_password: false,
        };
    }
    let number = revision.number;
    let offered = |text: &str| RestoreOffer {
        text: text.to_owned(),
        button: Some(format!("Restore revision {number}")),
        without_password: false,
    };
    if comparison.environment_password {
        return offered("The password stays that of the environment of Postern.");
    }
    match revision.password {
        RevisionPassword::None => offered(password(revision.password)),
        RevisionPassword::Kept => offered("Its password comes back with it."),
        RevisionPassword::Forgotten | RevisionPassword::ReEnter => RestoreOffer {
            text: password(revision.password).to_owned(),
            button: Some(format!("Restore revision {number} without its password")),
            without_password: true,
        },
    }
}

/// Why a revision cannot be brought back under the environment.
fn locked(locks: &[(Label, String)]) -> String {
    let mut variables: Vec<&str> = locks
        .iter()
        .map(|(_, variable)| variable.as_str())
        .collect();
    variables.sort_unstable();
    variables.dedup();
    format!(
        "The environment of Postern sets other values ({}). Change them there, or remove them there, and restart \
         Postern: then this revision can be brought back.",
        variables.join(", ")
    )
}

#[component]
fn RestoreQuestion(shown: ShownRevision, fault: Option<String>) -> AnyView {
    let ShownRevision { relay, comparison } = shown;
    let RestoreOffer {
        text,
        button,
        without_password,
    } = offer(&comparison);
    let RevisionComparison {
        revision,
        changes,
        newest,
        ..
    } = comparison;
    let number = revision.number;
    let mut fields = vec![
        ("number", number.to_string()),
        ("newest", newest.to_string()),
    ];
    if relay.id != OWN {
        fields.push(("id", relay.id.clone()));
    }
    if without_password {
        fields.push((WITHOUT_PASSWORD, "1".to_owned()));
    }
    let afterwards = without_password.then(|| {
        view! { <p>"Enter the password in the settings afterwards: until then Postern cannot sign in to the relay."</p> }
    });
    let changes = (!changes.is_empty()).then(|| {
        let about = format!("What changes with revision {number}");
        view! { <Changes changes before="In use" after="Restored" about /> }
    });
    view! {
        <Question
            title=format!("Restore revision {number}?")
            about=Some(format!("{}. {}.", relay.name, saved(&revision)))
            fault
            action=relay.action()
            fields
            button
            button_class="button button-primary"
            back=history_path(&relay.id)
        >
            {changes}
            <p>{text}</p>
            {afterwards}
        </Question>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::settings::Stamp;
    use domain::settings::revision::{FieldChange, RevisionView};

    use super::*;

    fn comparison(password: RevisionPassword, is_removal: bool) -> RevisionComparison {
        RevisionComparison {
            revision: RevisionView {
                number: 3,
                saved: Stamp {
                    at: Timestamp(0),
                    by: "ann@example.org".to_owned(),
                },
                origin: String::new(),
                restored: None,
                verified: None,
                password,
                is_removal,
                changes: None,
            },
            changes: vec![FieldChange {
                label: Label::Password,
                values: None,
            }],
            newest: 7,
            environment_password: false,
            locks: Vec::new(),
        }
    }

    #[test]
    fn a_lost_password_is_said_before_the_rollback() {
        use RevisionPassword::{Forgotten, Kept, None as Without, ReEnter};
        for (password, button) in [
            (Without, "Restore revision 3"),
            (Kept, "Restore revision 3"),
            (Forgotten, "Restore revision 3 without its password"),
            (ReEnter, "Restore revision 3 without its password"),
        ] {
            let offered = offer(&comparison(password, false));
            assert_eq!(offered.button.as_deref(), Some(button), "{password:?}");
            let is_lost = matches!(password, Forgotten | ReEnter);
            assert_eq!(offered.without_password, is_lost, "{password:?}");
        }
    }

    #[test]
    fn the_password_of_the_environment_stays() {
        let with_environment = RevisionComparison {
            environment_password: true,
            ..comparison(RevisionPassword::Forgotten, false)
        };
        let offered = offer(&with_environment);
        assert_eq!(offered.button.as_deref(), Some("Restore revision 3"));
        assert!(!offered.without_password && offered.text.contains("environment"));
    }

    #[test]
    fn nothing_is_offered_where_nothing_comes_back() {
        let removal = comparison(RevisionPassword::None, true);
        assert_eq!(offer(&removal).button, None);
        let variable = |name: &str| name.to_owned();
        let locked = RevisionComparison {
            locks: vec![
                (Label::Port, variable("SMTP_PORT")),
                (Label::Host, variable("SMTP_HOST")),
                (Label::CertificateCheck, variable("SMTP_HOST")),
            ],
            ..comparison(RevisionPassword::Kept, false)
        };
        let offered = offer(&locked);
        assert_eq!(offered.button, None);
        assert!(
            offered.text.contains("(SMTP_HOST, SMTP_PORT)"),
            "{offered:?}"
        );
        let same = RevisionComparison {
            changes: Vec::new(),
            ..comparison(RevisionPassword::Kept, false)
        };
        assert_eq!(offer(&same).button, None);
    }
}
