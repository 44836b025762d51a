//! The relays of a document that `postern export` wrote.

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use domain::settings::document::{RelayDocument, SettingsDocument};
use domain::settings::relay::RelayView;
use domain::settings::{PasswordChange, PasswordState, SettingsView, Verification};
use domain::{Form, Kind, Refusal};
use engine::{ImportKey, Postern};

use super::plan::{PasswordOutcome, confirmed, form_lines, in_titles};
use crate::cli::ImportArgs;
use crate::commands::bootstrap::operator;
use crate::process::stderr;

/// A relay of the document, and the one that it becomes.
struct RelayPlan<'a> {
    document: &'a RelayDocument,
    /// The relay of this name, or the first one; `None` where one is added.
    known: Option<RelayView>,
    /// Its settings; empty where it is added.
    saved: SettingsView,
    /// The settings to save.
    form: Option<Form>,
    outcome: PasswordOutcome,
    password: PasswordChange,
}

/// Imports all relays of a document. Other relays stay as they are.
pub async fn import(
    postern: &Postern,
    document: &SettingsDocument,
    key: Option<&ImportKey>,
    args: &ImportArgs,
) -> Result<ExitCode, Box<dyn Error>> {
    let mut plans = Vec::new();
    for relay in &document.relays {
        let plan = plan(postern, relay, key).await;
        plans.push(plan.map_err(|fault| named(relay, fault))?);
    }
    let mut out = io::stdout();
    for plan in &plans {
        for line in lines(plan) {
            writeln!(out, "{line}")?;
        }
    }
    if !args.yes && !confirmed()? {
        return Err("nothing was saved".into());
    }
    let number = plans.len();
    for plan in plans {
        let relay = plan.document;
        save(postern, plan)
            .await
            .map_err(|fault| named(relay, fault))?;
    }
    stderr::line(&format!("{number} relays are saved"));
    Ok(ExitCode::SUCCESS)
}

/// A refusal with the relay that it is about.
fn named(relay: &RelayDocument, refusal: Refusal) -> Refusal {
    let mut refusal = in_titles(refusal);
    for text in refusal.fields.values_mut() {
        *text = format!("{}: {text}", relay.name);
    }
    refusal
}

async fn plan<'a>(
    postern: &Postern,
    document: &'a RelayDocument,
    key: Option<&ImportKey>,
) -> Result<RelayPlan<'a>, Refusal> {
    let operator = operator();
    let listed = postern.relays().list(&operator).await?;
    let name = document.name.trim().to_lowercase();
    let is_it = |relay: &RelayView| match document.first {
        true => relay.is_main(),
        false => relay.config.name.to_lowercase() == name,
    };
    let known = listed.into_iter().find(is_it);
    if known.as_ref().is_some_and(RelayView::is_main) && !document.first {
        let text = "The first relay here has this name, and it is not the first in the document. Rename one.";
        return Err(Refusal::new(Kind::Invalid, text));
    }
    let saved = match &known {
        Some(relay) => {
            let settings = postern.settings().of_relay(&relay.id)?;
            settings.view(&operator).await?
        }
        None => unsaved(),
    };
    let form = document.form();
    let (mut outcome, mut password) = (PasswordOutcome::None, PasswordChange::Keep);
    if let Some(form) = &form {
        form.parse()?;
        let sealed = document.password.as_deref();
        outcome = PasswordOutcome::new(&saved, sealed.is_some() && key.is_some(), form);
        password = match (outcome, sealed, key) {
            (PasswordOutcome::New, Some(sealed), Some(key)) => {
                let relays = postern.relays();
                relays.exported_password(sealed, form, key).await?
            }
            (PasswordOutcome::Cleared, ..) => PasswordChange::Clear,
            _ => PasswordChange::Keep,
        };
    }
    Ok(RelayPlan {
        document,
        known,
        saved,
        form,
        outcome,
        password,
    })
}

/// The settings of a relay before its first save.
fn unsaved() -> SettingsView {
    SettingsView {
        form: Form::default(),
        password: PasswordState::None,
        revision: 0,
        saved: None,
        verified: Verification::Never,
        earlier: Vec::new(),
        locks: Vec::new(),
    }
}

fn lines(plan: &RelayPlan<'_>) -> Vec<String> {
    let document = plan.document;
    let what = match &plan.known {
        None => "is added",
        Some(known) if is_same(known, document) => "is there",
        Some(_) => "is changed",
    };
    let mut lines = vec![format!("The relay {} {what}:", document.name)];
    let state = match document.enabled {
        true => "on",
        false => "off",
    };
    let domain = document.from_domain.as_deref().unwrap_or("all");
    lines.push(format!("  Switched {state}, for From domains: {domain}"));
    let limits = document.limits();
    for (number, what) in [
        (limits.max_connections, "connections"),
        (limits.per_minute, "mails a minute"),
        (limits.per_hour, "mails an hour"),
        (limits.per_day, "mails a day"),
    ] {
        lines.extend(number.map(|number| format!("  At most {number} {what}")));
    }
    match &plan.form {
        Some(form) => lines.extend(form_lines(&plan.saved, form, plan.outcome)),
        None => lines.push("  No SMTP settings are imported.".to_owned()),
    }
    if document.has_password && plan.outcome != PasswordOutcome::New {
        let why = match document.password {
            Some(_) => "it is sealed, and --private-key does not name the key",
            None => "it was left out of the export",
        };
        lines.push(format!("  The exported password is not imported: {why}."));
    }
    lines
}

fn is_same(known: &RelayView, document: &RelayDocument) -> bool {
    let config = &known.config;
    config.name == document.name
        && config.enabled == document.enabled
        && config.from_domain == document.from_domain
        && config.limits == document.limits()
}

async fn save(postern: &Postern, plan: RelayPlan<'_>) -> Result<(), Refusal> {
    let (relays, operator) = (postern.relays(), operator());
    let change = plan.document.change();
    let relay = match &plan.known {
        Some(known) => {
            let from = Some(known.revision);
            relays.change(&operator, &known.id, change, from).await?
        }
        None => relays.create(&operator, change).await?,
    };
    let Some(form) = plan.form else {
        return Ok(());
    };
    let settings = postern.settings().of_relay(&relay.id)?;
    let from = Some(plan.saved.revision);
    settings.save(&operator, form, plan.password, from).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use domain::Label;
    use domain::settings::relay::{RelayConfig, RelayLimits};

    use super::*;

    fn document() -> RelayDocument {
        let config = RelayConfig {
            name: "Backup".to_owned(),
            from_domain: None,
            enabled: true,
            limits: RelayLimits {
                per_hour: Some(100),
                ..RelayLimits::default()
            },
        };
        RelayDocument {
            has_password: true,
            ..RelayDocument::new(&config, false)
        }
    }

    fn plan(document: &RelayDocument, outcome: PasswordOutcome) -> RelayPlan<'_> {
        RelayPlan {
            document,
            known: None,
            saved: unsaved(),
            form: Some(Form::default().with(Label::Host, "a.example")),
            outcome,
            password: PasswordChange::Keep,
        }
    }

    #[test]
    fn a_password_that_is_not_imported_is_named() {
        let mut document = document();
        for (sealed, outcome, expected) in [
            (None, PasswordOutcome::None, Some("left out")),
            (
                Some("a.b.c.d.e"),
                PasswordOutcome::Kept,
                Some("--private-key"),
            ),
            (Some("a.b.c.d.e"), PasswordOutcome::New, None),
        ] {
            document.password = sealed.map(str::to_owned);
            let shown = lines(&plan(&document, outcome));
            assert_eq!(shown[0], "The relay Backup is added:");
            assert!(shown.contains(&"  At most 100 mails an hour".to_owned()));
            assert!(shown.contains(&"  Host Name: a.example".to_owned()));
            let last = shown.last().expect("lines");
            assert_eq!(
                last.contains("is not imported"),
                expected.is_some(),
                "{shown:?}"
            );
            assert!(expected.is_none_or(|text| last.contains(text)), "{last}");
        }
    }

    #[test]
    fn a_fault_names_its_relay() {
        let refusal = Form::default().parse().expect_err("empty");
        let refusal = named(&document(), refusal);
        assert!(
            refusal
                .fields
                .values()
                .all(|text| text.starts_with("Backup: "))
        );
    }
}
