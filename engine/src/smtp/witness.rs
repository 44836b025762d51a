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
pub struct Witness(Option<Arc<Telling>>);

struct Telling {
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

impl Witness {
    /// Nobody listens.
    pub fn nobody() -> Self {
        Self(None)
    }

    /// `tell` hears every event at once; it must not block. Times count from now.
    pub fn new(tell: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(Telling {
            tell: Box::new(tell),
            begun: Instant::now(),
            progress: Mutex::default(),
        })))
    }

    /// Whether anybody does.
    pub(super) fn listens(&self) -> bool {
        self.0.is_some()
    }

    /// Since [`Witness::new`].
    pub fn elapsed(&self) -> Elapsed {
        self.0.as_ref().map_or(Elapsed(0), |telling| telling.now())
    }

    /// The stage under way.
    pub fn stage(&self) -> Option<Stage> {
        let telling = self.0.as_ref()?;
        Some(telling.progress().under_way?.0)
    }

    /// As in `TLS 1.3`; none while nothing is encrypted.
    pub fn encryption(&self) -> Option<&'static str> {
        self.0.as_ref()?.progress().encryption
    }

    /// The connection is encrypted from here on.
    pub(super) fn encrypted(&self, version: &'static str) {
        if let Some(telling) = &self.0 {
            telling.progress().encryption = Some(version);
        }
    }

    /// What the relay offered last; empty before EHLO, and when nobody listens.
    pub fn capabilities(&self) -> Vec<Capability> {
        let telling = self.0.as_ref();
        telling.map_or_else(Vec::new, |telling| telling.progress().offered.clone())
    }

    /// The relay answered to EHLO.
    pub(super) fn offered(&self, capabilities: impl FnOnce() -> Vec<Capability>) {
        let Some(telling) = &self.0 else { return };
        let capabilities = capabilities();
        telling.progress().offered.clone_from(&capabilities);
        (telling.tell)(Event::Offered { capabilities });
    }

    /// Tells of one thing, if somebody listens.
    pub fn tell(&self, event: impl FnOnce() -> Event) {
        if let Some(telling) = &self.0 {
            (telling.tell)(event());
        }
    }

    /// A line of the dialogue, as it may be shown.
    pub(super) fn line(&self, from: Side, text: impl FnOnce() -> String) {
        self.tell(|| Event::Line(DialogueLine { from, text: text() }));
    }

    /// A stage begins, and with it the one before has passed.
    pub(super) fn begin(&self, stage: Stage) {
        let Some(telling) = &self.0 else { return };
        if self.stage() == Some(stage) {
            return;
        }
        telling.end(true);
        let at = telling.now();
        telling.progress().under_way = Some((stage, at));
        (telling.tell)(Event::Began { stage, at });
    }

    /// The stage under way was refused; the dialogue may go on.
    pub(super) fn refused(&self) {
        if let Some(telling) = &self.0 {
            telling.end(false);
        }
    }

    /// The session ended well.
    pub fn passed(&self) {
        if let Some(telling) = &self.0 {
            telling.end(true);
        }
    }

    /// The session ended at `stage`, which need not have begun: what was offered before may rule
    /// it out.
    pub fn failed(&self, stage: Stage) {
        let Some(telling) = &self.0 else { return };
        if telling.progress().failed.contains(&stage) {
            telling.end(true);
        } else {
            self.begin(stage);
            telling.end(false);
        }
    }
}

impl Telling {
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

    fn told(act: impl FnOnce(&Witness)) -> Vec<(Stage, Option<bool>)> {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hearing = heard.clone();
        let witness = Witness::new(move |event| {
            hearing.lock().push(match event {
                Event::Began { stage, .. } => (stage, None),
                Event::Ended { stage, passed, .. } => (stage, Some(passed)),
                other => panic!("not expected: {other:?}"),
            });
        });
        act(&witness);
        let heard = heard.lock();
        heard.clone()
    }

    #[test]
    fn each_stage_begins_and_ends_once() {
        use Stage::{Data, Ehlo, Mail, Rcpt, StartTls};
        let passing = told(|witness| {
            witness.begin(Mail);
            witness.begin(Rcpt);
            witness.begin(Rcpt);
            witness.passed();
            witness.passed();
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
        let ruled_out = told(|witness| {
            witness.begin(Ehlo);
            witness.failed(StartTls);
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
        let grouped = told(|witness| {
            witness.begin(Mail);
            witness.refused();
            witness.begin(Data);
            witness.refused();
            witness.failed(Mail);
        });
        assert_eq!(
            grouped,
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
