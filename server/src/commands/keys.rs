//! The command `keys`: lists, rotates and retires keys.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use domain::crypto::keys::{BrowserKeyView, KeysView, SealingKeyState, SealingKeyView};

use super::bootstrap::{Bootstrap, operator};
use crate::cli::KeysCommand;
use crate::process::stderr;

pub async fn keys(bootstrap: Bootstrap, command: KeysCommand) -> Result<ExitCode, Box<dyn Error>> {
    let postern = bootstrap.open(String::new()).await?;
    let (keys, operator) = (postern.sealing_keys(), operator());
    match command {
        KeysCommand::List { .. } => {
            let view = keys.list(&operator).await?;
            for key in &view.sealing {
                writeln!(io::stdout(), "{}", sealing_line(key))?;
            }
            for key in &view.browser {
                writeln!(io::stdout(), "{}", browser_line(key))?;
            }
            for line in reminders(&view) {
                stderr::line(&line);
            }
        }
        KeysCommand::Rotate { browser: true, .. } => {
            let view = keys.rotate_browser_key(&operator).await?;
            if let Some(published) = view.browser.first() {
                writeln!(io::stdout(), "{}", browser_line(published))?;
            }
        }
        KeysCommand::Rotate { browser: false, .. } => {
            let view = keys.rotate(&operator).await?;
            if let Some(newest) = view.sealing.first() {
                writeln!(io::stdout(), "{}", sealing_line(newest))?;
            }
            for line in reminders(&view) {
                stderr::line(&line);
            }
        }
        KeysCommand::Retire { id, .. } => {
            keys.retire(&operator, &id).await?;
            stderr::line("retired");
        }
    }
    postern.close().await;
    Ok(ExitCode::SUCCESS)
}

/// A key of stored secrets as a line.
fn sealing_line(key: &SealingKeyView) -> String {
    let state = key.state.as_str();
    let parts = [
        key.id.clone(),
        format!("made {}", key.created_at),
        state.to_owned(),
        key.counted(),
    ];
    parts.join("  ")
}

/// A key for browsers as a line.
fn browser_line(key: &BrowserKeyView) -> String {
    let state = match key.is_published {
        true => "published",
        false => "replaced",
    };
    let parts = [
        key.id.clone(),
        format!("made {}", key.created_at),
        format!("browser, {state}, accepted until {}", key.accepted_until),
        format!("{} passwords sealed", key.uses),
    ];
    parts.join("  ")
}

/// What is to be done, a line each.
fn reminders(view: &KeysView) -> Vec<String> {
    let mut lines = Vec::new();
    let (left, all) = (view.to_seal_anew(), view.number());
    if left > 0 {
        lines.push(format!(
            "{left} of {all} values are still to be sealed anew; `postern serve` does it"
        ));
    }
    let mut keys = view.sealing.iter();
    if let Some(waiting) = keys.find(|key| key.state == SealingKeyState::Waiting) {
        for node in &view.without_file {
            lines.push(format!(
                "copy {}.key to {node}; the key waits for it",
                waiting.id
            ));
        }
    }
    let lost = view.to_enter_again();
    if lost > 0 {
        lines.push(format!(
            "secrets that do not open: {lost}; restore the file of their key, or enter them again"
        ));
    }
    if let Some(made) = view.due_for_rotation() {
        lines.push(format!(
            "the key that seals was made on {made}; make a new one with: postern keys rotate"
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::crypto::keys::{ROTATION_AGE, SealedCount, SealedKind};

    use super::*;

    fn key(id: &str, state: SealingKeyState, number: i64) -> SealingKeyView {
        let kind = SealedKind::RelayPassword;
        SealingKeyView {
            id: id.to_owned(),
            created_at: Timestamp(0),
            state,
            is_in_memory_only: false,
            values: vec![SealedCount { kind, number }],
        }
    }

    #[test]
    fn what_is_to_be_done_follows_the_list() {
        let view = KeysView {
            sealing: vec![
                key("D", SealingKeyState::Waiting, 0),
                key("C", SealingKeyState::Active, 5),
                key("B", SealingKeyState::Old, 2),
                key("A", SealingKeyState::Lost, 1),
            ],
            browser: Vec::new(),
            without_file: vec!["gate:/data/keys".to_owned()],
            now: Timestamp(0) + ROTATION_AGE,
        };
        let lines: Vec<String> = view.sealing.iter().map(sealing_line).collect();
        assert_eq!(
            lines[2],
            "B  made 1970-01-01 00:00 UTC  old  2 relay passwords"
        );
        let reminders = reminders(&view);
        let expected = [
            "2 of 8 values are still",
            "copy D.key to gate:/data/keys",
            "secrets that do not open: 1",
            "the key that seals was made on 1970-01-01",
        ];
        assert_eq!(reminders.len(), expected.len(), "{reminders:?}");
        for (line, expected) in reminders.iter().zip(expected) {
            assert!(line.starts_with(expected), "{line}");
        }
    }

    #[test]
    fn a_key_for_browsers_is_a_line() {
        let key = BrowserKeyView {
            id: "E".to_owned(),
            created_at: Timestamp(0),
            is_published: true,
            accepted_until: Timestamp(3_600_000),
            uses: 3,
        };
        assert_eq!(
            browser_line(&key),
            "E  made 1970-01-01 00:00 UTC  browser, published, accepted until 1970-01-01 01:00 UTC  \
             3 passwords sealed"
        );
    }
}
