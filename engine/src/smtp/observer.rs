//! The observer of a session: a diagnosis receives its events, delivery does without.

use std::sync::Arc;
use std::time::Instant;

use domain::diagnosis::event::{DialogueLine, Elapsed, Side};
use domain::smtp::capability::Capability;
use domain::{Event, Stage};
use parking_lot::Mutex;

/// Reports a session to a callback while it runs, in the order of [`Event`]. Without a callback no
/// event is built. Cheap to clone.
#[derive(Clone, Default)]
pub struct SessionObserver(Option<Arc<Observation>>);

struct Observation {
    callback: Box<dyn Fn(Event) + Send + Sync>,
    started: Instant,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    running: Option<RunningStage>,
    /// The stages that were refused.
    failed: Vec<Stage>,
    encryption: Option<&'static str>,
    /// The answer to the last EHLO.
    offered: Vec<Capability>,
}

#[derive(Clone, Copy)]
struct RunningStage {
    stage: Stage,
    /// When it began, since the start.
    at: Elapsed,
}

impl SessionObserver {
    /// Without a callback.
    pub fn none() -> Self {
        Self(None)
    }

    /// With a callback that gets every event at once and must not block. Times count from now.
    pub fn new(callback: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(Observation {
            callback: Box::new(callback),
            started: Instant::now(),
            progress: Mutex::default(),
        })))
    }

    /// Whether there is a callback.
    pub(super) fn is_active(&self) -> bool {
        self.0.is_some()
    }

    /// The time since [`SessionObserver::new`]; zero without a callback.
    pub fn elapsed(&self) -> Elapsed {
        self.0
            .as_ref()
            .map_or(Elapsed(0), |observation| observation.now())
    }

    /// The stage that is running.
    pub fn stage(&self) -> Option<Stage> {
        let observation = self.0.as_ref()?;
        Some(observation.progress.lock().running?.stage)
    }

    /// The TLS version, as in `TLS 1.3`; `None` while the connection is not encrypted.
    pub fn encryption(&self) -> Option<&'static str> {
        self.0.as_ref()?.progress.lock().encryption
    }

    /// Notes that the connection is encrypted from here on.
    pub(super) fn encrypted(&self, version: &'static str) {
        if let Some(observation) = &self.0 {
            observation.progress.lock().encryption = Some(version);
        }
    }

    /// What the relay offered last. Empty before EHLO, and without a callback.
    pub fn capabilities(&self) -> Vec<Capability> {
        let observation = self.0.as_ref();
        observation.map_or_else(Vec::new, |observation| {
            observation.progress.lock().offered.clone()
        })
    }

    /// Reports the relay's answer to EHLO.
    pub(super) fn offered(&self, capabilities: impl FnOnce() -> Vec<Capability>) {
        let Some(observation) = &self.0 else { return };
        let capabilities = capabilities();
        observation
            .progress
            .lock()
            .offered
            .clone_from(&capabilities);
        (observation.callback)(Event::Offered { capabilities });
    }

    /// Reports an event, which is built only where there is a callback.
    pub fn emit(&self, event: impl FnOnce() -> Event) {
        if let Some(observation) = &self.0 {
            (observation.callback)(event());
        }
    }

    /// Reports a line of the dialogue, without its secrets.
    pub(super) fn line(&self, from: Side, text: impl FnOnce() -> String) {
        self.emit(|| Event::Line(DialogueLine { from, text: text() }));
    }

    /// Begins a stage; the one before has passed.
    pub(super) fn begin(&self, stage: Stage) {
        let Some(observation) = &self.0 else { return };
        if self.stage() == Some(stage) {
            return;
        }
        observation.end(true);
        let at = observation.now();
        observation.progress.lock().running = Some(RunningStage { stage, at });
        (observation.callback)(Event::Began { stage, at });
    }

    /// Ends the running stage as refused. The dialogue may go on.
    pub(super) fn refused(&self) {
        if let Some(observation) = &self.0 {
            observation.end(false);
        }
    }

    /// Ends the running stage as passed, with which the session ends.
    pub fn passed(&self) {
        if let Some(observation) = &self.0 {
            observation.end(true);
        }
    }

    /// Ends the session at `stage`, which need not have begun: what the relay offered before may
    /// rule it out.
    pub fn failed(&self, stage: Stage) {
        let Some(observation) = &self.0 else { return };
        if observation.progress.lock().failed.contains(&stage) {
            observation.end(true);
        } else {
            self.begin(stage);
            observation.end(false);
        }
    }
}

impl Observation {
    fn now(&self) -> Elapsed {
        self.started.elapsed().into()
    }

    fn end(&self, passed: bool) {
        let ended = {
            let mut progress = self.progress.lock();
            let ended = progress.running.take();
            if let Some(ended) = ended.filter(|_| !passed) {
                progress.failed.push(ended.stage);
            }
            ended
        };
        if let Some(RunningStage { stage, at }) = ended {
            (self.callback)(Event::Ended {
                stage,
                passed,
                milliseconds: self.now().since(at),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(act: impl FnOnce(&SessionObserver)) -> Vec<(Stage, Option<bool>)> {
        let events = Arc::new(Mutex::new(Vec::new()));
        let received = events.clone();
        let observer = SessionObserver::new(move |event| {
            received.lock().push(match event {
                Event::Began { stage, .. } => (stage, None),
                Event::Ended { stage, passed, .. } => (stage, Some(passed)),
                other => panic!("not expected: {other:?}"),
            });
        });
        act(&observer);
        let events = events.lock();
        events.clone()
    }

    #[test]
    fn each_stage_begins_and_ends_once() {
        use Stage::{Data, Ehlo, Mail, Rcpt, StartTls};
        let passing = events(|observer| {
            observer.begin(Mail);
            observer.begin(Rcpt);
            observer.begin(Rcpt);
            observer.passed();
            observer.passed();
        });
        assert_eq!(
            passing,
            [
                (Mail, None),
                (Mail, Some(true)),
                (Rcpt, None),
                (Rcpt, Some(true))
            ]
        );
        let ruled_out = events(|observer| {
            observer.begin(Ehlo);
            observer.failed(StartTls);
        });
        assert_eq!(
            ruled_out,
            [
                (Ehlo, None),
                (Ehlo, Some(true)),
                (StartTls, None),
                (StartTls, Some(false))
            ]
        );
        let pipelined = events(|observer| {
            observer.begin(Mail);
            observer.refused();
            observer.begin(Data);
            observer.refused();
            observer.failed(Mail);
        });
        assert_eq!(
            pipelined,
            [
                (Mail, None),
                (Mail, Some(false)),
                (Data, None),
                (Data, Some(false))
            ],
            "the refusal that counts was reported when it came"
        );
    }
}
