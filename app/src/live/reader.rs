//! The reader of a stream of snapshots: it patches each into the page and reports how it ended.

use std::pin::{Pin, pin};

use domain::Refusal;
use futures::StreamExt;
use futures::future::{AbortHandle, Abortable};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::patch::patch;
use super::stream::Decoder;
use super::{LiveSubject, Snapshot};
use crate::server_fns::watch;

/// How a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// With its last snapshot.
    Complete,
    /// The server refused it.
    Refused(Refusal),
    /// [`Reader::abort`] ended it.
    Aborted,
    /// The connection broke before the last snapshot.
    Lost,
}

/// Reads at most one stream at a time.
#[derive(Clone, Copy)]
pub struct Reader(StoredValue<Option<AbortHandle>>);

/// Resolves to the subject of the stream; this may take a request of its own. Boxed, because a
/// generic reader would be in the bundle once for each caller.
pub type Request = Pin<Box<dyn Future<Output = Result<LiveSubject, Refusal>>>>;

impl Reader {
    pub fn new() -> Self {
        Self(StoredValue::new(None))
    }

    /// Aborts the current stream and starts another. `shown` is called after each snapshot, `ended`
    /// once.
    pub fn start(
        self,
        request: Request,
        shown: Box<dyn Fn(Snapshot)>,
        ended: Box<dyn FnOnce(End)>,
    ) -> AbortHandle {
        self.abort();
        let (handle, registration) = AbortHandle::new_pair();
        self.0.set_value(Some(handle.clone()));
        spawn_local(async move {
            // Aborting drops the body, which cancels the request; the server then drops the run.
            let end = match Abortable::new(read(request, shown), registration).await {
                Ok(Ok(true)) => End::Complete,
                Ok(Ok(false)) => End::Lost,
                Ok(Err(refusal)) => End::Refused(refusal),
                Err(_aborted) => End::Aborted,
            };
            ended(end);
        });
        handle
    }

    pub fn abort(self) {
        if let Some(handle) = self.0.get_value() {
            handle.abort();
        }
    }
}

/// Reads the stream to its end. Returns whether the last snapshot arrived.
async fn read(request: Request, shown: Box<dyn Fn(Snapshot)>) -> Result<bool, Refusal> {
    let body = watch(request.await?).await?;
    let mut chunks = pin!(body.into_inner());
    let mut decoder = Decoder::default();
    let mut last = false;
    // A body that is cut off ends the loop like a complete one.
    while let Some(Ok(chunk)) = chunks.next().await {
        for snapshot in decoder.decode(&chunk) {
            patch(&snapshot.html);
            last = snapshot.last;
            shown(snapshot);
        }
    }
    Ok(last)
}
