//! Test helpers for the rules: observations and the titles they must lead to.

use super::rule::Rule;
use super::{Observation, find};
use crate::smtp::capability::Capability;
use crate::smtp::stage::{Failure, Fault, Stage};
use crate::{Form, Label, Reply, SmtpSettings};

/// An observation, by default at `smtp.example.org:587` with TLS and Plain.
pub(super) struct Case {
    pub failure: Failure,
    form: Form,
    settings: SmtpSettings,
    encrypted: bool,
    capabilities: Vec<Capability>,
}

/// A failure without a reply.
pub(super) fn failed(stage: Stage, fault: Fault) -> Case {
    Case::of(Failure::new(stage, fault, "as observed"))
}

/// A time-out in the middle of a reply.
pub(super) fn unfinished(stage: Stage) -> Case {
    Case::of(Failure {
        unfinished: true,
        ..Failure::new(stage, Fault::TimedOut, "as observed")
    })
}

/// A failure by a reply, given as its lines with codes.
pub(super) fn rejected(stage: Stage, reply: &str) -> Case {
    let code = reply[..3].parse().expect("a reply begins with a code");
    let lines = reply.lines().map(|line| &line.as_bytes()[4..]);
    Case::of(Failure::rejected(stage, Reply::new(code, lines)))
}

impl Case {
    fn of(failure: Failure) -> Self {
        let form = Form::default()
            .with(Label::FromAddress, "alerts@example.org")
            .with(Label::Host, "smtp.example.org")
            .with(Label::Port, "587")
            .with(Label::Username, "alerts")
            .with(Label::ConnectionType, "TLS")
            .with(Label::AuthenticationType, "Plain");
        Self {
            failure,
            settings: form.parse().expect("valid"),
            form,
            encrypted: true,
            capabilities: Vec::new(),
        }
    }

    pub fn with(self, label: Label, value: &str) -> Self {
        let form = self.form.with(label, value);
        Self {
            settings: form.parse().expect("valid"),
            form,
            ..self
        }
    }

    pub fn unencrypted(self) -> Self {
        Self {
            encrypted: false,
            ..self
        }
    }

    pub fn offering(self, lines: &[&str]) -> Self {
        Self {
            capabilities: lines
                .iter()
                .filter_map(|line| Capability::parse(line))
                .collect(),
            ..self
        }
    }

    pub fn observed(&self) -> Observation<'_> {
        Observation {
            failure: &self.failure,
            settings: &self.settings,
            encrypted: self.encrypted,
            capabilities: &self.capabilities,
            sender: self.settings.from_address.as_str(),
            recipient: Some("someone@example.net"),
        }
    }
}

/// Asserts that each case leads to its title, and that each rule has a case.
pub(super) fn assert_causes(tables: &[&[Rule]], cases: &[(&str, Case)]) {
    for (title, case) in cases {
        let actual = find(&case.observed()).map(|found| found.cause.title);
        assert_eq!(actual, Some(*title), "{:?}", case.failure);
    }
    for row in tables.iter().copied().flatten() {
        let title = row.cause.title;
        let proved = cases.iter().any(|(expected, _)| *expected == title);
        assert!(proved, "{title} has no case");
    }
}
