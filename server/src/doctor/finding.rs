//! A finding of `postern doctor`: what was checked, how it is, and the repair of a fault.

use domain::diagnosis::transcript::{Tone, TranscriptLine};
use serde::Serialize;

/// The width of the column of checks: that of the longest name.
const WIDTH: usize = 18;

/// How what was checked is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FindingState {
    /// As it should be.
    Ok,
    /// Postern works, with something to know.
    Warning,
    /// Postern does not start, or does not do its work.
    Fault,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub check: &'static str,
    pub state: FindingState,
    pub text: String,
    /// What to do; `None` where nothing is to be done.
    pub repair: Option<String>,
}

impl Finding {
    pub fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Self {
            check,
            state: FindingState::Ok,
            text: text.into(),
            repair: None,
        }
    }

    pub fn warning(
        check: &'static str,
        text: impl Into<String>,
        repair: impl Into<String>,
    ) -> Self {
        Self {
            check,
            state: FindingState::Warning,
            text: text.into(),
            repair: Some(repair.into()),
        }
    }

    pub fn fault(check: &'static str, text: impl Into<String>, repair: impl Into<String>) -> Self {
        Self {
            state: FindingState::Fault,
            ..Self::warning(check, text, repair)
        }
    }

    /// A fault whose text may end with its repair, behind a semicolon.
    pub fn of_error(check: &'static str, error: &str, repair: &str) -> Self {
        let (text, repair) = error.split_once("; ").unwrap_or((error, repair));
        Self::fault(check, text, repair)
    }

    /// The finding for a terminal.
    pub fn lines(&self) -> Vec<TranscriptLine> {
        let (tone, state) = match self.state {
            FindingState::Ok => (Tone::Good, "ok"),
            FindingState::Warning => (Tone::Strong, "warning"),
            FindingState::Fault => (Tone::Bad, "fault"),
        };
        let line = format!("{state:<8} {:<WIDTH$} {}", self.check, self.text);
        let repair = self.repair.as_ref();
        let repair = repair.map(|repair| (Tone::Plain, format!("{:9}repair: {repair}", "")));
        [(tone, line)].into_iter().chain(repair).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_printed_with_its_repair() {
        let error = "others may write to /data; make it private with: chmod go-w /data";
        let finding = Finding::of_error("data folder", error, "look at it");
        let lines: Vec<String> = finding.lines().into_iter().map(|(_, text)| text).collect();
        assert_eq!(
            lines,
            [
                "fault    data folder        others may write to /data",
                "         repair: make it private with: chmod go-w /data",
            ]
        );
        let finding = Finding::of_error("data folder", "it is away", "look at it");
        assert_eq!(finding.repair.as_deref(), Some("look at it"));
        assert_eq!(Finding::ok("keys", "one").lines().len(), 1);
    }
}
