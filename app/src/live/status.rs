//! The island that keeps a page of the outbox up to date, and shows whether it is.

use std::time::Duration;

use leptos::ev;
use leptos::prelude::*;

use super::{End, LiveSubject, Reader};
use crate::{element, reactive};

/// The element whose `data-source` is the path and query of the page.
pub const ID: &str = "live";

/// The delay before a broken stream is reopened, in seconds: at first, doubling up to a maximum.
const RETRY_FIRST: u64 = 1;
const RETRY_MAX: u64 = 30;

/// A stream that lasts longer is reopened. The server ends each stream earlier.
const STALE: Duration = Duration::from_secs(70);

/// Shows `Live` while the page is up to date, `Not live` while the connection is lost.
#[island]
pub fn Live() -> impl IntoView {
    let live = RwSignal::new(false);
    let not_hydrated = RwSignal::new(true);
    let view = LiveView {
        live,
        reader: Reader::new(),
    };
    Effect::new(move || {
        not_hydrated.set(false);
        view.open(RETRY_FIRST);
    });
    window_event_listener(ev::visibilitychange, move |_| view.open(RETRY_FIRST));
    view! {
        <p
            class=reactive::text(move || if live.get() { "live live-on" } else { "live" })
            hidden=not_hydrated
        >
            {reactive::text(move || if live.get() { "Live" } else { "Not live" })}
        </p>
    }
}

#[derive(Clone, Copy)]
struct LiveView {
    live: RwSignal<bool>,
    reader: Reader,
}

impl LiveView {
    /// Opens the stream, unless the page is hidden. `retry` is the delay if it breaks, in seconds.
    fn open(self, retry: u64) {
        self.reader.abort();
        if document().hidden() {
            return;
        }
        let url = element::data_source(ID).unwrap_or_default();
        let shown = move |_| {
            if !self.live.get_untracked() {
                self.live.set(true);
            }
        };
        let handle = self.reader.start(
            Box::pin(async move { Ok(LiveSubject::Outbox { url }) }),
            Box::new(shown),
            Box::new(move |end| self.ended(end, retry)),
        );
        let stale = move || {
            if !handle.is_aborted() {
                self.live.set(false);
                self.open(retry);
            }
        };
        set_timeout(stale, STALE);
    }

    fn ended(self, end: End, retry: u64) {
        let retry = match end {
            End::Aborted => return,
            // The server ends streams regularly to check the session again.
            End::Complete => return self.open(RETRY_FIRST),
            End::Lost => RETRY_FIRST,
            End::Refused(_) => retry,
        };
        self.live.set(false);
        let next = (retry * 2).min(RETRY_MAX);
        set_timeout(move || self.open(next), Duration::from_secs(retry));
    }
}
