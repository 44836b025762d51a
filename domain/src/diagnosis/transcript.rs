//! A test or diagnosis as lines of text, for the terminal and the clipboard.

use crate::cause::Cause;
use crate::diagnosis::event::{DialogueLine, Outcome, Side};
use crate::diagnosis::trace::{Step, StepState, Trace};
use crate::mail::domain_check::{CheckState, DiagnosedDomain, DomainFinding};

/// The emphasis of a line; a terminal maps it to a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Ordinary text.
    Plain,
    /// A heading.
    Strong,
    /// A success.
    Good,
    /// A failure.
    Bad,
    /// Secondary text.
    Faint,
}

/// The width of the column of stages: that of the longest title.
const STAGE_WIDTH: usize = 28;

/// A line of a transcript with its emphasis.
pub type TranscriptLine = (Tone, String);

impl Step {
    /// The stage with its result and duration, its details, and its dialogue.
    pub fn transcript_lines(&self) -> Vec<TranscriptLine> {
        let (tone, state) = match self.state {
            StepState::Passed => (Tone::Good, "passed"),
            StepState::Failed => (Tone::Bad, "failed"),
            StepState::Running => (Tone::Strong, "running"),
        };
        let took = self.milliseconds.map(|took| took.to_string());
        let took = took.unwrap_or_default();
        let stage = self.stage.title();
        let mut lines = vec![(tone, format!("{stage:<STAGE_WIDTH$} {took:>8}  {state}"))];
        let facts = self.facts().into_iter();
        lines.extend(facts.map(|fact| (Tone::Plain, format!("    {fact}"))));
        lines.extend(self.lines.iter().map(DialogueLine::transcript_line));
        lines
    }
}

impl DialogueLine {
    /// The line with an arrow that marks its sender.
    pub fn transcript_line(&self) -> TranscriptLine {
        let arrow = match self.from {
            Side::Postern => '>',
            Side::Relay => '<',
        };
        (Tone::Faint, format!("    {arrow} {}", self.text))
    }
}

impl DomainFinding {
    /// The state, the records as they are and as they should be, and why.
    pub fn transcript_lines(&self) -> Vec<TranscriptLine> {
        let tone = match self.state {
            CheckState::Ok => Tone::Good,
            CheckState::Warning => Tone::Strong,
            CheckState::Fault => Tone::Bad,
        };
        let (kind, state) = (self.kind.name(), self.state.as_str());
        let mut lines = vec![(tone, format!("{kind:<6} {state:<8} {}", self.name))];
        if self.found.is_empty() {
            lines.push((Tone::Plain, "       is        no record".to_owned()));
        }
        for record in &self.found {
            lines.push((Tone::Plain, format!("       is        {record}")));
        }
        if let Some(expected) = &self.expected {
            lines.push((Tone::Plain, format!("       should be {expected}")));
        }
        lines.push((Tone::Faint, format!("       {}", self.why)));
        lines
    }
}

impl DiagnosedDomain {
    /// The From domain with its findings.
    fn transcript_lines(&self) -> Vec<TranscriptLine> {
        let domain = &self.domain;
        if !self.answered {
            let text = format!(
                "From domain {domain}: DNS did not answer in time, so it was not checked; see postern check-domain {domain}"
            );
            return vec![(Tone::Strong, text)];
        }
        let mut lines = vec![(Tone::Strong, format!("From domain {domain}"))];
        let findings = self.findings.iter();
        lines.extend(findings.flat_map(DomainFinding::transcript_lines));
        lines
    }
}

impl Trace {
    /// The stages not reached, the From domain, the outcome, and the cause with its steps.
    pub fn summary_lines(&self) -> Vec<TranscriptLine> {
        let Some(summary) = &self.summary else {
            let text = "The run was interrupted.";
            return vec![(Tone::Bad, text.to_owned())];
        };
        let mut lines = Vec::new();
        let ahead: Vec<String> = self.not_reached.iter().map(|stage| stage.title()).collect();
        if !ahead.is_empty() {
            lines.push((Tone::Faint, format!("not reached: {}", ahead.join(", "))));
        }
        lines.push((Tone::Plain, String::new()));
        if let Some(checked) = &self.domain {
            lines.extend(checked.transcript_lines());
            lines.push((Tone::Plain, String::new()));
        }
        let took = summary.milliseconds;
        let encryption = summary.encryption.as_deref().unwrap_or("no encryption");
        match &summary.outcome {
            Outcome::Passed => {
                let text = format!("every stage passed in {took}, {encryption}; nothing was sent");
                lines.push((Tone::Good, text));
            }
            Outcome::Sent { reply, .. } => {
                let text = format!("sent in {took}, {encryption}: {}", reply.to_line());
                lines.push((Tone::Good, text));
            }
            Outcome::Failed { failure, cause } => {
                let stage = failure.stage.title();
                lines.push((Tone::Bad, format!("failed after {took} at “{stage}”")));
                lines.push((Tone::Plain, failure.to_string()));
                if let Some(found) = cause {
                    push_cause(&mut lines, found.cause);
                    if let Some(note) = found.by.note() {
                        lines.push((Tone::Plain, note.to_owned()));
                    }
                    if let Some(other) = found.alternative {
                        lines.push((Tone::Plain, String::new()));
                        let text = format!("Another cause fits the reply. {}", other.distinguish);
                        lines.push((Tone::Plain, text));
                        push_cause(&mut lines, other.cause);
                    }
                }
            }
        }
        lines
    }

    /// The whole run as plain text.
    pub fn transcript(&self) -> String {
        let mut text = format!("{}\n\n", self.relay);
        let steps = self.steps.iter().flat_map(Step::transcript_lines);
        for (_, line) in steps.chain(self.summary_lines()) {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// A cause with its steps.
fn push_cause(lines: &mut Vec<(Tone, String)>, cause: &Cause) {
    lines.push((Tone::Plain, String::new()));
    lines.push((Tone::Strong, cause.title.to_owned()));
    lines.push((Tone::Plain, cause.cause.to_owned()));
    let steps = (1..).zip(cause.steps);
    lines.extend(steps.map(|(number, step)| (Tone::Plain, format!("{number}. {step}"))));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::event::{Elapsed, RunSummary};
    use crate::mail::domain_check::CheckKind;
    use crate::{Event, Failure, Reply, Stage};

    #[test]
    fn a_run_reads_like_a_protocol() {
        let mut trace = Trace::default();
        let line = |from, text: &str| {
            Event::Line(DialogueLine {
                from,
                text: text.to_owned(),
            })
        };
        for event in [
            Event::Started {
                relay: "smtp.example.org:25".to_owned(),
                revision: None,
                plan: vec![Stage::Rcpt, Stage::Quit],
            },
            Event::Began {
                stage: Stage::Rcpt,
                at: Elapsed(0),
            },
            line(Side::Postern, "RCPT TO:<a@example.net>"),
            line(Side::Relay, "550 5.1.1 nobody"),
            Event::Ended {
                stage: Stage::Rcpt,
                passed: false,
                milliseconds: Elapsed(1_500),
            },
            Event::Finished(RunSummary {
                milliseconds: Elapsed(2_000),
                encryption: None,
                outcome: Outcome::Failed {
                    failure: Failure::rejected(
                        Stage::Rcpt,
                        Reply::new(550, [b"5.1.1 nobody".as_slice()].into_iter()),
                    ),
                    cause: None,
                },
            }),
        ] {
            trace.apply(event);
        }
        assert_eq!(
            trace.transcript(),
            "smtp.example.org:25\n\n\
             RCPT TO names the recipient    1.5 ms  failed\n    > RCPT TO:<a@example.net>\n    < 550 5.1.1 nobody\n\
             not reached: QUIT ends the session\n\n\
             failed after 2.0 ms at “RCPT TO names the recipient”\nThe relay replied: 550 5.1.1 nobody\n"
        );
    }

    #[test]
    fn the_from_domain_is_shown_before_the_outcome() {
        let transcript = |answered, findings| {
            let mut trace = Trace::default();
            trace.apply(Event::Domain(DiagnosedDomain {
                domain: "example.org".to_owned(),
                answered,
                findings,
            }));
            trace.apply(Event::Finished(RunSummary {
                milliseconds: Elapsed(37_000),
                encryption: None,
                outcome: Outcome::Passed,
            }));
            trace.transcript()
        };
        let finding = DomainFinding {
            kind: CheckKind::Spf,
            state: CheckState::Fault,
            name: "example.org".to_owned(),
            found: vec!["v=spf1 -all".to_owned()],
            expected: Some("v=spf1 mx -all".to_owned()),
            why: "The record does not cover the relay.".to_owned(),
        };
        let missing = DomainFinding {
            kind: CheckKind::Dmarc,
            state: CheckState::Warning,
            name: "_dmarc.example.org".to_owned(),
            found: Vec::new(),
            expected: None,
            why: "There is none.".to_owned(),
        };
        assert_eq!(
            transcript(true, vec![finding, missing]),
            "\n\n\nFrom domain example.org\n\
             SPF    fault    example.org\n       is        v=spf1 -all\n       should be v=spf1 mx -all\n       \
             The record does not cover the relay.\n\
             DMARC  warning  _dmarc.example.org\n       is        no record\n       There is none.\n\n\
             every stage passed in 37 ms, no encryption; nothing was sent\n"
        );
        assert!(
            transcript(false, Vec::new())
                .contains("From domain example.org: DNS did not answer in time")
        );
    }

    #[test]
    fn a_run_that_sent_shows_the_reply() {
        let mut trace = Trace::default();
        assert_eq!(
            trace.summary_lines(),
            [(Tone::Bad, "The run was interrupted.".to_owned())]
        );
        let mut end = |outcome| {
            trace.apply(Event::Finished(RunSummary {
                milliseconds: Elapsed(37_000),
                encryption: Some("TLS 1.3".to_owned()),
                outcome,
            }));
            trace.summary_lines().pop()
        };
        let sent = end(Outcome::Sent {
            reply: Reply::new(250, [b"2.0.0 queued".as_slice()].into_iter()),
            message_id: "<1@example.org>".to_owned(),
            verified: None,
        });
        assert_eq!(
            sent,
            Some((
                Tone::Good,
                "sent in 37 ms, TLS 1.3: 250 2.0.0 queued".to_owned()
            ))
        );
        let passed = "every stage passed in 37 ms, TLS 1.3; nothing was sent";
        assert_eq!(end(Outcome::Passed), Some((Tone::Good, passed.to_owned())));
    }
}
