//! `postern import`: shows what it understood of settings from elsewhere, asks, and saves them.

mod document;
mod plan;
mod programs;
mod settings;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use domain::Form;
use domain::settings::document::{self as settings_document, SettingsDocument};
use domain::settings::import::SettingsImport;
use domain::settings::smtp_environment::ReadEnvironment;
use engine::ImportKey;

use crate::cli::{Command, ImportArgs};
use crate::commands::bootstrap::Bootstrap;
use crate::process::private_file;
use crate::smtp_variables;

/// What is imported, read before the process switches to the owner of the data folder.
pub enum ImportSource {
    /// Variables of a `.env` file.
    Environment(Box<ReadEnvironment>),
    /// Settings of another program.
    Program(SettingsImport),
    /// What `postern export` wrote, and the key that opens its passwords.
    Document(SettingsDocument, Option<Box<ImportKey>>),
}

impl ImportSource {
    /// Reads what the command imports; `None` for other commands.
    ///
    /// # Errors
    /// Where a file cannot be read or is not valid.
    pub fn of_command(command: &Command) -> Result<Option<Self>, Box<dyn Error>> {
        match command {
            Command::Import { args, .. } => Self::read(args).map(Some),
            _ => Ok(None),
        }
    }

    fn read(args: &ImportArgs) -> Result<Self, Box<dyn Error>> {
        let source = &args.source;
        if let Some(path) = &source.env {
            let environment = smtp_variables::of_file(path, args.allow_insecure)?;
            if environment.settings.is_empty() {
                return Err(format!("{} has no variable about mail", path.display()).into());
            }
            return Ok(Self::Environment(Box::new(environment)));
        }
        if let Some(folder) = &source.postfix {
            return Ok(Self::Program(programs::of_postfix(folder)?));
        }
        if let Some(path) = &source.msmtp {
            return Ok(Self::Program(programs::of_msmtp(path)?));
        }
        if let Some(folder) = &source.nullmailer {
            return Ok(Self::Program(programs::of_nullmailer(folder)?));
        }
        let Some(path) = &source.file else {
            return Err("nothing to import is named".into());
        };
        let key = args.private_key.as_deref().map(private_key).transpose()?;
        let text = programs::text_of(path)?;
        let document = settings_document::parse(&text)
            .map_err(|fault| format!("{}: {}", path.display(), fault.text()))?;
        Ok(Self::Document(document, key.map(Box::new)))
    }
}

fn private_key(path: &Path) -> Result<ImportKey, Box<dyn Error>> {
    let text = private_file::read("--private-key", path)?;
    let key = ImportKey::from_pem(&text);
    Ok(key.map_err(|fault| format!("{}: {}", path.display(), fault.text()))?)
}

/// Shows, asks and saves.
pub async fn import(
    bootstrap: Bootstrap,
    source: Option<ImportSource>,
    args: ImportArgs,
) -> Result<ExitCode, Box<dyn Error>> {
    let source = source.ok_or("nothing to import is named")?;
    let postern = bootstrap.open(String::new()).await?;
    let done = match source {
        ImportSource::Environment(environment) => {
            let over = |saved: &Form| SettingsImport::of_environment(&environment, saved);
            settings::import(&postern, over, &args).await
        }
        ImportSource::Program(imported) => {
            let over = |saved: &Form| imported.into_relay(saved);
            settings::import(&postern, over, &args).await
        }
        ImportSource::Document(document, key) => {
            document::import(&postern, &document, key.as_deref(), &args).await
        }
    };
    postern.close().await;
    done
}
