//! The settings of one relay, taken over from another program.

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use domain::settings::PasswordChange;
use domain::settings::import::SettingsImport;
use domain::{Form, Label};
use engine::Postern;

use super::plan::{PasswordOutcome, confirmed, form_lines, in_titles, read_lines};
use crate::cli::ImportArgs;
use crate::commands::bootstrap::operator;
use crate::commands::relay::diagnose::find;
use crate::process::stderr;

/// Imports into the relay that the arguments name.
pub async fn import(
    postern: &Postern,
    imported_over: impl FnOnce(&Form) -> SettingsImport,
    args: &ImportArgs,
) -> Result<ExitCode, Box<dyn Error>> {
    let operator = operator();
    let id = find(postern, &args.relay).await?;
    let relay = postern.relays().read(&operator, &id).await?;
    let settings = postern.settings().of_relay(&id)?;
    let saved = settings.view(&operator).await?;
    let imported = imported_over(&saved.form);
    let mut form = imported.over(&saved.form);
    if let Some(from) = args
        .from
        .as_ref()
        .filter(|_| form.get(Label::FromAddress).is_empty())
    {
        form.set(Label::FromAddress, from.as_str());
    }
    let plan = PasswordOutcome::new(&saved, imported.password.is_some(), &form);
    let mut out = io::stdout();
    for line in read_lines(&imported.read) {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "\nThe settings of the relay {}:", relay.config.name)?;
    for line in form_lines(&saved, &form, plan) {
        writeln!(out, "{line}")?;
    }
    if imported.holds_mail {
        writeln!(
            out,
            "Delivery is paused with them: mail is accepted and held."
        )?;
    }
    form.parse().map_err(in_titles)?;
    if !args.yes && !confirmed()? {
        return Err("nothing was saved".into());
    }
    let password = match plan {
        PasswordOutcome::Cleared => PasswordChange::Clear,
        PasswordOutcome::New => match &imported.password {
            Some(password) => PasswordChange::Sealed(postern.keys().seal(password).await?),
            None => PasswordChange::Keep,
        },
        PasswordOutcome::Kept | PasswordOutcome::None => PasswordChange::Keep,
    };
    // First: with the settings saved and delivery running, mail would leave.
    if imported.holds_mail {
        postern.outbox().pause_delivery(&operator, true).await?;
        stderr::line("delivery is paused");
    }
    let saving = settings.save(&operator, form, password, Some(saved.revision));
    let now = saving.await.map_err(in_titles)?;
    stderr::line(&format!(
        "saved as revision {}; `postern diagnose` shows whether the relay takes mail",
        now.revision
    ));
    Ok(ExitCode::SUCCESS)
}
