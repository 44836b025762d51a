//! `postern export`: prints all relays with their settings as JSON.

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use engine::ExportKey;

use super::bootstrap::{Bootstrap, operator};
use crate::cli::Command;
use crate::process::stderr;

/// Reads the key that the command names; `None` for other commands, and without one.
///
/// # Errors
/// Where the file cannot be read, or holds no public key.
pub fn key_of_command(command: &Command) -> Result<Option<ExportKey>, Box<dyn Error>> {
    match command {
        Command::Export {
            key: Some(path), ..
        } => read_key(path).map(Some),
        _ => Ok(None),
    }
}

fn read_key(path: &Path) -> Result<ExportKey, Box<dyn Error>> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    Ok(ExportKey::from_pem(&text).map_err(|fault| format!("{shown}: {}", fault.text()))?)
}

pub async fn export(
    bootstrap: Bootstrap,
    key: Option<ExportKey>,
) -> Result<ExitCode, Box<dyn Error>> {
    let postern = bootstrap.open(String::new()).await?;
    let exported = postern.relays().export(&operator(), key.as_ref()).await;
    postern.close().await;
    let document = exported?;
    writeln!(io::stdout(), "{}", serde_json::to_string_pretty(&document)?)?;
    let relays = document.relays.iter();
    let left_out = relays.filter(|relay| relay.has_password && relay.password.is_none());
    let left_out: Vec<&str> = left_out.map(|relay| relay.name.as_str()).collect();
    if let Some(key) = &key {
        stderr::line(&format!(
            "passwords are sealed for the key {}; postern import opens them with --private-key",
            key.fingerprint()
        ));
    }
    if !left_out.is_empty() {
        let why = match key {
            Some(_) => "its key at rest is lost, so type it again",
            None => "--key names a public key to seal it for",
        };
        let relays = left_out.join(", ");
        stderr::line(&format!("no password is exported of {relays}: {why}"));
    }
    Ok(ExitCode::SUCCESS)
}
