//! A test as far as it has got.

use domain::{Failure, Refusal, Reply, Stage, TestEvent};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Where the mail goes; empty until the server has begun.
    pub relay: String,
    /// The saved configuration that is tested; none when the form differs from it.
    pub revision: Option<i64>,
    /// In the order they began; the last one is under way.
    pub stages: Vec<Stage>,
    pub seconds: u64,
    pub end: Option<End>,
}

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Sent {
        milliseconds: u64,
        reply: Reply,
        encryption: Option<String>,
    },
    Failed {
        milliseconds: u64,
        failure: Failure,
        advice: String,
    },
    /// It never began.
    Refused(Refusal),
    Cancelled,
    /// The line to Postern broke before the end was told.
    Lost,
}

impl Run {
    pub fn hear(&mut self, event: TestEvent) {
        match event {
            TestEvent::Started { relay, revision } => {
                self.relay = relay;
                self.revision = revision;
            }
            TestEvent::Stage { stage } => {
                // The next of a host's addresses begins with the same stage again.
                if self.stages.last() != Some(&stage) {
                    self.stages.push(stage);
                }
            }
            TestEvent::Tick { seconds } => self.seconds = seconds,
            TestEvent::Sent {
                milliseconds,
                reply,
                encryption,
                ..
            } => {
                self.end = Some(End::Sent {
                    milliseconds,
                    reply,
                    encryption,
                });
            }
            TestEvent::Failed {
                milliseconds,
                failure,
                advice,
            } => {
                self.end = Some(End::Failed {
                    milliseconds,
                    failure,
                    advice,
                });
            }
        }
    }

    /// Ends a run that has not told its own end.
    pub fn end(&mut self, end: End) {
        self.end.get_or_insert(end);
    }

    /// Whether the relay may have the mail although nobody said so.
    pub fn may_have_arrived(&self) -> bool {
        self.stages.contains(&Stage::Data)
    }
}

/// A duration as it is read: `3.2 s`.
pub fn seconds(milliseconds: u64) -> String {
    format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_what_was_heard_of_it() {
        let mut run = Run::default();
        for event in [
            TestEvent::Started {
                relay: "smtp.example.org:587".to_owned(),
                revision: Some(7),
            },
            TestEvent::Stage { stage: Stage::Tcp },
            TestEvent::Stage { stage: Stage::Tcp },
            TestEvent::Tick { seconds: 1 },
            TestEvent::Stage { stage: Stage::Data },
        ] {
            run.hear(event);
        }
        assert_eq!(run.stages, [Stage::Tcp, Stage::Data]);
        assert_eq!((run.revision, run.seconds, &run.end), (Some(7), 1, &None));
        assert!(run.may_have_arrived());
        run.end(End::Lost);
        run.end(End::Cancelled);
        assert_eq!(run.end, Some(End::Lost), "the first end counts");
    }

    #[test]
    fn durations_read_to_a_tenth() {
        for (milliseconds, text) in [(0, "0.0 s"), (999, "0.9 s"), (12_345, "12.3 s")] {
            assert_eq!(seconds(milliseconds), text);
        }
    }
}
