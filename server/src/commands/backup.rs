//! `postern backup` and `postern restore`.

use std::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use engine::{BackupRequest, Clock, KeyCopies, RestoreRequest};

use super::bootstrap::{Bootstrap, host, operator};
use crate::cli::{BackupArgs, Command};
use crate::process::signals::Signals;
use crate::process::{data_folder, stderr};

/// Copies the database while other processes use it. The first signal removes what is written so far.
pub async fn back_up(bootstrap: Bootstrap, args: BackupArgs) -> Result<ExitCode, Box<dyn Error>> {
    if !bootstrap.is_local() {
        let keys = bootstrap.data.join("keys");
        let text = format!(
            "the database is PostgreSQL, which its own program backs up while it runs, as in \
             pg_dump --format=custom --file=postern.dump DATABASE; copy the key files in {} to another place",
            keys.display()
        );
        return Err(text.into());
    }
    let data = bootstrap.data;
    let request = BackupRequest {
        data: data.clone(),
        file: args.file.clone(),
        keys: args.keys.clone(),
        clock: Clock::default(),
        host: host(),
    };
    let interrupted = Arc::new(AtomicBool::new(false));
    let mut signals = Signals::listen()?;
    let actor = operator();
    let mut work = Box::pin(engine::back_up(request, &actor, interrupted.clone()));
    let made = tokio::select! {
        made = &mut work => made?,
        () = signals.next() => {
            interrupted.store(true, Ordering::Relaxed);
            tokio::select! {
                made = &mut work => made?,
                () = signals.next() => return Ok(ExitCode::FAILURE),
            }
        }
    };
    stderr::line(&format!(
        "the database is in {}, {} octets",
        args.file.display(),
        made.octets
    ));
    match (&args.keys, made.keys) {
        (Some(file), Some(1)) => stderr::line(&format!("its key is in {}", file.display())),
        (Some(file), Some(number)) => {
            stderr::line(&format!("its {number} keys are in {}", file.display()));
        }
        _ => stderr::line(&format!(
            "the keys are not in it: copy {} to another place, or add --keys FILE; without them no \
             saved password can be read",
            data.join("keys").display()
        )),
    }
    for kid in &made.missing_keys {
        stderr::line(&format!(
            "the key {kid} is lost: passwords sealed with it have to be entered again"
        ));
    }
    if !made.recorded {
        stderr::line("the audit log lacks a row about this backup");
    }
    Ok(ExitCode::SUCCESS)
}

/// The files that a restoration reads.
pub struct RestoreSource {
    name: PathBuf,
    backup: File,
    keys: Option<KeyCopies>,
}

impl RestoreSource {
    /// Opens the files of `postern restore` while the process is still root: the owner of the data folder
    /// may lack the right to read them; `None` for other commands.
    pub fn open(command: &Command) -> Result<Option<Self>, Box<dyn Error>> {
        let Command::Restore { args, .. } = command else {
            return Ok(None);
        };
        let file = &args.file;
        let unreadable = |error| format!("{} cannot be read: {error}", file.display());
        let backup = File::open(file).map_err(unreadable)?;
        if !backup.metadata().map_err(unreadable)?.is_file() {
            return Err(format!("{} is not a file", file.display()).into());
        }
        let keys = args.keys.as_deref().map(KeyCopies::of_file).transpose()?;
        Ok(Some(Self {
            name: file.clone(),
            backup,
            keys,
        }))
    }
}

/// Restores a backup into a data folder without a database, which no other process uses.
pub async fn restore(
    bootstrap: Bootstrap,
    source: Option<RestoreSource>,
) -> Result<ExitCode, Box<dyn Error>> {
    let source = source.ok_or("there is no backup to restore")?;
    if !bootstrap.is_local() {
        return Err(
            "a backup is restored into SQLite; `postern migrate` then moves it to PostgreSQL"
                .into(),
        );
    }
    let accept_lost_keys = bootstrap.accepts_lost_keys();
    let data = bootstrap.data;
    let _serving = data_folder::lock(&data)?;
    let _delivering = data_folder::lock_delivery(&data)?;
    let request = RestoreRequest {
        data: data.clone(),
        backup: source.backup,
        name: source.name.clone(),
        keys: source.keys,
        accept_lost_keys,
        clock: Clock::default(),
        host: host(),
    };
    let restored = engine::restore(request, &operator()).await?;
    report(&data, &source.name, &restored);
    Ok(ExitCode::SUCCESS)
}

fn report(data: &Path, name: &Path, restored: &engine::Restored) {
    stderr::line(&format!(
        "restored {} into {}; {} sessions were ended",
        name.display(),
        data.display(),
        restored.sessions
    ));
    if restored.migrations > 0 {
        stderr::line("the backup was of an earlier version; its tables were brought up to date");
    }
    for kid in &restored.missing_keys {
        stderr::line(&format!(
            "the key {kid} is missing: copy {kid}.key to {} before you start postern, or start it with \
             --accept-lost-keys and enter the passwords again",
            data.join("keys").display()
        ));
    }
    let backup = match restored.made_at {
        Some(at) => format!("the backup was made, {at},"),
        None => "the backup was made".to_owned(),
    };
    stderr::line(&format!(
        "delivery is paused: start postern serve, cancel queued mail on the page Outbox that was sent after \
         {backup} and resume delivery there"
    ));
}
