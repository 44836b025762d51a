//! The subjects that the Figures page offers, and their names.

use domain::Refusal;
use domain::account::Role;
use domain::figures::FigureSubject;
use engine::{Actor, Postern, Scope};

use super::request::{FIGURES, FiguresRequest};
use crate::server_prelude::*;

/// A subject with its name.
pub struct Choice {
    pub subject: FigureSubject,
    pub name: String,
}

impl Choice {
    fn new(subject: FigureSubject, name: impl Into<String>) -> Self {
        Self {
            subject,
            name: name.into(),
        }
    }
}

/// All mail, the relays, the own account and its tokens, and the subject that is shown where it is none of
/// these. Its figures have been read, so that the actor may know its name.
///
/// # Errors
/// Where the database fails.
pub async fn choices(
    postern: &Postern,
    actor: &Actor,
    shown: &FigureSubject,
) -> Result<Vec<Choice>, Refusal> {
    let service = postern.figures();
    let is_admin = actor.role() == Some(Role::Admin);
    let mut choices = Vec::new();
    if is_admin {
        choices.push(Choice::new(FigureSubject::All, "All mail"));
        for relay in postern.relays().list(actor).await? {
            let name = format!("Relay {}", relay.config.name);
            choices.push(Choice::new(FigureSubject::Relay(relay.id), name));
        }
        let own = service.own_account(actor);
        choices.extend(own.map(|own| Choice::new(own, "My mail")));
    } else {
        choices.push(Choice::new(FigureSubject::All, "My mail"));
    }
    let own_relay = postern.settings().account_relay(actor).await?;
    if own_relay.uses_own() {
        let own = service.own_relay(actor);
        choices.extend(own.map(|own| Choice::new(own, "My relay")));
    }
    for token in postern.accounts().newest_tokens(actor).await?.tokens {
        let name = format!("Token {}", token.name);
        choices.push(Choice::new(FigureSubject::Token(token.id), name));
    }
    if !choices.iter().any(|choice| choice.subject == *shown) {
        let name = match is_admin {
            true => name(postern, actor, shown).await,
            false => own_name(shown),
        };
        choices.push(Choice::new(shown.clone(), name));
    }
    Ok(choices)
}

/// The name of a subject for an administrator. What is deleted has its id alone.
async fn name(postern: &Postern, actor: &Actor, subject: &FigureSubject) -> String {
    let accounts = postern.accounts();
    let found = match subject {
        FigureSubject::All => Ok("All mail".to_owned()),
        FigureSubject::Account(id) => accounts.read(actor, id).await.map(|account| account.email),
        FigureSubject::Token(id) => {
            let token = accounts.token(actor, id).await;
            token.map(|token| format!("Token {} of {}", token.name, token.account.email))
        }
        FigureSubject::Relay(id) => {
            let account = Scope::of_relay_id(id).and_then(Scope::account);
            let account = accounts.read(actor, &account.unwrap_or_default()).await;
            account.map(|account| format!("Own relay of {}", account.email))
        }
    };
    found.unwrap_or_else(|_| {
        let id = subject.id().unwrap_or_default();
        format!("Deleted {} {id}", subject.kind())
    })
}

/// The name of what is a user's own, but not in the list: tokens beyond the newest, and the relay that is
/// not used.
fn own_name(subject: &FigureSubject) -> String {
    match subject {
        FigureSubject::All | FigureSubject::Account(_) => "My mail".to_owned(),
        FigureSubject::Token(id) => format!("Token {id}"),
        FigureSubject::Relay(_) => "My relay".to_owned(),
    }
}

/// A form with the subjects.
#[component]
pub fn Chooser(choices: Vec<Choice>, request: FiguresRequest) -> AnyView {
    let options = choices.into_iter().map(|choice| {
        let selected = choice.subject == request.subject;
        view! {
            <option value=choice.subject.to_string() selected=selected>
                {choice.name}
            </option>
        }
    });
    let options = options.collect_view();
    view! {
        <form class="figures-chooser" method="get" action=FIGURES>
            <input type="hidden" name="range" value=request.range.as_str() />
            <div class="field">
                <label for="figures-subject">"Figures of"</label>
                <select class="control" id="figures-subject" name="subject">
                    {options}
                </select>
            </div>
            <button class="button button-secondary" type="submit">
                "Show"
            </button>
        </form>
    }
    .into_any()
}
