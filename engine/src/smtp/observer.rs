//! Who is told what happens on a connection: a diagnosis listens, delivery does not.

use std::sync::Arc;
use std::time::Instant;

use domain::capability::Capability;
use domain::event::{DialogueLine, Elapsed, Side};
use domain::{Event, Stage};
use parking_lot::{Mutex, MutexGuard};

/// Tells of a session as it goes, in the order of [`Event`]. With nobody to tell, nothing is put
/// into words. Cheap to clone.
#[derive(Clone, Default)]
pub struct SessionObserver(Option<Arc<Observation>>);

struct Observation {
    tell: Box<dyn Fn(Event) + Send + Sync>,
    begun: Instant,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    under_way: Option<(Stage, Elapsed)>,
    /// The stages that were refused.
    failed: Vec<Stage>,
    encryption: Option<&'static str>,
    /// In the last answer to EHLO.
    offered: Vec<Capability>,
}

impl SessionObserver {
    /// Nobody listens.
    pub fn none() -> Self {
        Self(None)
    }

    /// `tell` hears every event at once; it must not block. Times count from now.
    pub fn new(tell: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(Observation {
            tell: Box::new(tell),
            begun: Instant::now(),
            progress: Mutex::default(),
        })))
    }

    /// Whether anybody does.
    pub(super) fn listens(&self) -> bool {
        self.0.is_some()
    }

    /// Since [`SessionObserver::new`].
    pub fn elapsed(&self) -> Elapsed {
        self.0
            .as_ref()
            .map_or(Elapsed(0), |observation| observation.now())
    }

    /// The stage under way.
    pub fn stage(&self) -> Option<Stage> {
        let observation = self.0.as_ref()?;
        Some(observation.progress().under_way?.0)
    }

    /// As in `TLS 1.3`; none while nothing is encrypted.
    pub fn encryption(&self) -> Option<&'static str> {
        self.0.as_ref()?.progress().encryption
    }

    /// The connection is encrypted from here on.
    pub(super) fn encrypted(&self, version: &'static str) {
        if let Some(observation) = &self.0 {
            observation.progress().encryption = Some(version);
        }
    }

    /// What the relay offered last; empty before EHLO, and when nobody listens.
    pub fn capabilities(&self) -> Vec<Capability> {
        let observation = self.0.as_ref();
        observation.map_or_else(Vec::new, |observation| {
            observation.progress().offered.clone()
        })
    }

    /// The relay answered to EHLO.
    pub(super) fn offered(&self, capabilities: impl FnOnce() -> Vec<Capability>) {
        let Some(observation) = &self.0 else { return };
        let capabilities = capabilities();
        observation.progress().offered.clone_from(&capabilities);
        (observation.tell)(Event::Offered { capabilities });
    }

    /// Tells of one thing, if somebody listens.
    pub fn tell(&self, event: impl FnOnce() -> Event) {
        if let Some(observation) = &self.0 {
            (observation.tell)(event());
        }
    }

    /// A line of the dialogue, as it may be shown.
    pub(super) fn line(&self, from: Side, text: impl FnOnce() -> String) {
        self.tell(|| Event::Line(DialogueLine { from, text: text() }));
    }

    /// A stage begins, and with it the one before has passed.
    pub(super) fn begin(&self, stage: Stage) {
        let Some(observation) = &self.0 else { return };
        if self.stage() == Some(stage) {
            return;
        }
        observation.end(true);
        let at = observation.now();
        observation.progress().under_way = Some((stage, at));
        (observation.tell)(Event::Began { stage, at });
    }

    /// The stage under way was refused; the dialogue may go on.
    pub(super) fn refused(&self) {
        if let Some(observation) = &self.0 {
            observation.end(false);
        }
    }

    /// The session ended well.
    pub fn passed(&self) {
        if let Some(observation) = &self.0 {
            observation.end(true);
        }
    }

    /// The session ended at `stage`, which need not have begun: what was offered before may rule
    /// it out.
    pub fn failed(&self, stage: Stage) {
        let Some(observation) = &self.0 else { return };
        if observation.progress().failed.contains(&stage) {
            observation.end(true);
        } else {
            self.begin(stage);
            observation.end(false);
        }
    }
}

impl Observation {
    fn now(&self) -> Elapsed {
        self.begun.elapsed().into()
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock()
    }

    fn end(&self, passed: bool) {
        let ended = {
            let mut progress = self.progress();
            let ended = progress.under_way.take();
            if let Some((stage, _)) = ended.filter(|_| !passed) {
                progress.failed.push(stage);
            }
            ended
        };
        if let Some((stage, at)) = ended {
            (self.tell)(Event::Ended {
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

    fn told(act: impl FnOnce(&SessionObserver)) -> Vec<(Stage, Option<bool>)> {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hearing = heard.clone();
        let observer = SessionObserver::new(move |event| {
            hearing.lock().push(match event {
                Event::Began { stage, .. } => (stage, None),
                Event::Ended { stage, passed, .. } => (stage, Some(passed)),
                other => panic!("not expected: {other:?}"),
            });
        });
        act(&observer);
        let heard = heard.lock();
        heard.clone()
    }

    #[test]
    fn each_stage_begins_and_ends_once() {
        use Stage::{Data, Ehlo, Mail, Rcpt, StartTls};
        let passing = told(|observer| {
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
        let ruled_out = told(|observer| {
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
        let pipelined = told(|observer| {
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
            "the refusal that counts was told when it came"
        );
    }
}
