//! The state of a test or diagnosis, built from its events: stages, dialogue and summary.

use serde::Serialize;

use crate::diagnosis::event::{
    ConnectAttempt, DialogueLine, Elapsed, Event, Resolution, RunSummary,
};
use crate::mail::domain_check::DiagnosedDomain;
use crate::smtp::capability::Capability;
use crate::smtp::certificate::Handshake;
use crate::smtp::stage::Stage;

/// The state of a run so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "openapi",
    schema(example = json!({
        "relay": "192.0.2.25:465",
        "revision": 7,
        "steps": [
            {
                "stage": "tcp",
                "at": 0.1,
                "milliseconds": 11.4,
                "state": "failed",
                "tries": [
                    { "address": "192.0.2.25:465", "outcome": "refused", "milliseconds": 11.2 },
                ],
            },
        ],
        "not_reached": ["tls", "greeting", "ehlo", "mail", "quit"],
        "milliseconds": 11.5,
        "encryption": null,
        "outcome": "failed",
        "failure": {
            "stage": "tcp",
            "fault": "connection_refused",
            "reply": null,
            "detail": "192.0.2.25:465 refused the connection",
        },
        "cause": {
            "title": "Nothing listens on the port",
            "class": "network",
            "cause": "The host refused the connection: no mail service runs at this port, or a firewall rejects this machine.",
            "steps": ["Press Find settings to see on which ports this host listens."],
            "by": "fault",
            "alternative": null,
        },
    }))
)]
pub struct Trace {
    /// Host and port.
    pub relay: String,
    /// The saved revision in use; none when the settings differ from it.
    pub revision: Option<i64>,
    /// The stages reached, in order.
    pub steps: Vec<Step>,
    /// The planned stages that were not reached, or not yet.
    pub not_reached: Vec<Stage>,
    /// The check of the From domain; absent where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<DiagnosedDomain>,
    /// Whole seconds since the start, while the run lasts.
    #[serde(skip)]
    pub seconds: u64,
    /// The outcome; none while the run lasts.
    #[serde(flatten)]
    pub summary: Option<RunSummary>,
}

/// A stage that was reached. EHLO and TLS can be reached twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Step {
    /// The stage.
    pub stage: Stage,
    /// The time from the start of the run to the start of the stage.
    pub at: Elapsed,
    /// Its duration; none while it runs.
    pub milliseconds: Option<Elapsed>,
    /// Whether it runs, passed or failed.
    pub state: StepState,
    /// The DNS look-up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
    /// The addresses tried.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<ConnectAttempt>,
    /// The TLS handshake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handshake: Option<Handshake>,
    /// The extensions offered in reply to EHLO.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<Capability>,
    /// The dialogue.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<DialogueLine>,
}

/// The state of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    /// The stage has not ended.
    Running,
    /// The stage succeeded.
    Passed,
    /// The stage ended the run.
    Failed,
}

impl Step {
    fn new(stage: Stage, at: Elapsed) -> Self {
        Self {
            stage,
            at,
            milliseconds: None,
            state: StepState::Running,
            resolution: None,
            tries: Vec::new(),
            handshake: None,
            capabilities: Vec::new(),
            lines: Vec::new(),
        }
    }
}

impl Step {
    /// Whether the stage has ended.
    pub fn is_over(&self) -> bool {
        self.state != StepState::Running
    }

    /// The details of the stage for display, one per line.
    pub fn facts(&self) -> Vec<String> {
        let mut facts = Vec::new();
        if let Some(found) = &self.resolution {
            facts.push(format!("{} resolved by {}", found.name, found.resolver));
            if !found.aliases.is_empty() {
                facts.push(format!("alias of {}", found.aliases.join(", of ")));
            }
            let addresses: Vec<String> = found.addresses.iter().map(ToString::to_string).collect();
            if !addresses.is_empty() {
                facts.push(addresses.join(", "));
            }
        }
        facts.extend(self.tries.iter().map(|tried| {
            let (address, outcome) = (&tried.address, tried.outcome.description());
            format!("{address} {outcome} ({})", tried.milliseconds)
        }));
        if let Some(handshake) = &self.handshake {
            facts.extend(handshake.facts());
        }
        facts.extend(self.capabilities.iter().filter_map(|offered| {
            let meaning = offered.meaning.as_ref()?;
            Some(format!("{}: {meaning}", offered.keyword))
        }));
        facts
    }
}

impl Trace {
    /// Applies the next event.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Started {
                relay,
                revision,
                plan,
            } => {
                *self = Self {
                    relay,
                    revision,
                    not_reached: plan,
                    ..Self::default()
                }
            }
            Event::Began { stage, at } => self.begin(stage, at),
            Event::Ended {
                passed,
                milliseconds,
                ..
            } => self.now(|step| {
                step.milliseconds = Some(milliseconds);
                step.state = if passed {
                    StepState::Passed
                } else {
                    StepState::Failed
                };
            }),
            Event::Resolved(resolution) => self.now(|step| step.resolution = Some(resolution)),
            Event::Tried(tried) => self.now(|step| step.tries.push(tried)),
            Event::Handshake(handshake) => self.now(|step| step.handshake = Some(handshake)),
            Event::Offered { capabilities } => self.now(|step| step.capabilities = capabilities),
            Event::Line(line) => self.now(|step| step.lines.push(line)),
            Event::Tick { seconds } => self.seconds = seconds,
            Event::Domain(checked) => self.domain = Some(checked),
            Event::Finished(summary) => self.summary = Some(summary),
        }
    }

    /// Skips the planned stages before `stage`, such as StartTLS when the relay does not offer it.
    fn begin(&mut self, stage: Stage, at: Elapsed) {
        if let Some(place) = self.not_reached.iter().position(|ahead| *ahead == stage) {
            self.not_reached.drain(..=place);
        }
        self.steps.push(Step::new(stage, at));
    }

    fn now(&mut self, change: impl FnOnce(&mut Step)) {
        if let Some(step) = self.steps.last_mut() {
            change(step);
        }
    }

    /// The running stage.
    pub fn running(&self) -> Option<Stage> {
        let step = self.steps.last().filter(|_| self.summary.is_none())?;
        Some(step.stage)
    }

    /// The duration of the run so far.
    pub fn elapsed(&self) -> Elapsed {
        let last = self.steps.last().map_or(Elapsed(0), |step| {
            Elapsed(step.at.0 + step.milliseconds.map_or(0, |span| span.0))
        });
        let ticked = Elapsed(self.seconds * 1_000_000);
        self.summary
            .as_ref()
            .map_or(last.max(ticked), |summary| summary.milliseconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::event::{Outcome, Side};

    fn trace(plan: &[Stage], stages: &[Stage]) -> Trace {
        let mut trace = Trace::default();
        trace.apply(Event::Started {
            relay: "smtp.example.org:25".to_owned(),
            revision: Some(7),
            plan: plan.to_vec(),
        });
        for (at, stage) in (0..).zip(stages) {
            trace.apply(Event::Began {
                stage: *stage,
                at: Elapsed(at),
            });
        }
        trace
    }

    #[test]
    fn skipped_stages_are_not_pending() {
        use Stage::{Auth, Ehlo, Mail, Quit, StartTls, Tls};
        let plan = [Ehlo, StartTls, Tls, Ehlo, Auth, Mail, Quit];
        for (stages, ahead) in [
            (&[][..], &plan[..]),
            (&[Ehlo], &plan[1..]),
            (&[Ehlo, StartTls, Tls], &plan[3..]),
            (&[Ehlo, StartTls, Tls, Ehlo], &plan[4..]),
            (&[Ehlo, Auth], &plan[5..]),
        ] {
            assert_eq!(trace(&plan, stages).not_reached, ahead, "{stages:?}");
        }
    }

    #[test]
    fn events_belong_to_the_running_stage() {
        let mut trace = trace(&[], &[Stage::Greeting, Stage::Ehlo]);
        let line = DialogueLine {
            from: Side::Postern,
            text: "EHLO gate.example.org".to_owned(),
        };
        trace.apply(Event::Line(line.clone()));
        assert_eq!(trace.running(), Some(Stage::Ehlo));
        trace.apply(Event::Ended {
            stage: Stage::Ehlo,
            passed: false,
            milliseconds: Elapsed(5),
        });
        trace.apply(Event::Finished(RunSummary {
            milliseconds: Elapsed(9),
            encryption: None,
            outcome: Outcome::Passed,
        }));
        assert!(trace.steps[0].lines.is_empty());
        assert_eq!(trace.steps[1].lines, [line]);
        assert_eq!(trace.steps[1].state, StepState::Failed);
        assert_eq!((trace.running(), trace.elapsed()), (None, Elapsed(9)));
    }

    #[test]
    fn the_check_of_the_from_domain_belongs_to_the_run() {
        let mut trace = trace(&[], &[Stage::Greeting]);
        let without = serde_json::to_value(&trace).expect("JSON");
        assert_eq!(without.get("domain"), None);
        let checked = DiagnosedDomain {
            domain: "example.org".to_owned(),
            answered: true,
            findings: Vec::new(),
        };
        trace.apply(Event::Domain(checked.clone()));
        assert_eq!(trace.domain, Some(checked));
        let document = serde_json::to_value(&trace).expect("JSON");
        assert_eq!(document["domain"]["domain"], "example.org");
    }

    #[test]
    fn facts_describe_a_stage() {
        let mut trace = trace(&[], &[Stage::Dns]);
        trace.apply(Event::Resolved(Resolution {
            name: "smtp.example.org".to_owned(),
            resolver: "192.0.2.53".to_owned(),
            aliases: vec!["mx.example.org".to_owned()],
            addresses: vec![[192, 0, 2, 1].into()],
        }));
        trace.apply(Event::Tried(ConnectAttempt {
            address: "192.0.2.1:25".to_owned(),
            outcome: crate::diagnosis::event::ConnectOutcome::Refused,
            milliseconds: Elapsed(1_500),
        }));
        trace.apply(Event::Offered {
            capabilities: ["SIZE 1000", "X-ODD"]
                .into_iter()
                .filter_map(Capability::parse)
                .collect(),
        });
        assert_eq!(
            trace.steps[0].facts(),
            [
                "smtp.example.org resolved by 192.0.2.53",
                "alias of mx.example.org",
                "192.0.2.1",
                "192.0.2.1:25 refused: nothing listens there (1.5 ms)",
                "SIZE: A mail has at most 1 kB.",
            ]
        );
    }

    #[test]
    fn elapsed_is_the_latest_time_known() {
        let mut trace = trace(&[], &[Stage::Tcp, Stage::Greeting]);
        assert!(!trace.steps[1].is_over());
        trace.apply(Event::Ended {
            stage: Stage::Greeting,
            passed: true,
            milliseconds: Elapsed(7),
        });
        assert!(trace.steps[1].is_over());
        assert_eq!(trace.elapsed(), Elapsed(8));
        trace.apply(Event::Tick { seconds: 2 });
        assert_eq!(trace.elapsed(), Elapsed(2_000_000));
    }
}
