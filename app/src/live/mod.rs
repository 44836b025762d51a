//! What keeps a page up to date while somebody looks at it.

mod patch;

use std::pin::pin;
use std::time::Duration;

use domain::Refusal;
use futures::StreamExt;
use futures::future::{AbortHandle, Abortable};
use leptos::ev;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::calls::watch_outbox;
use crate::dom;
use crate::frames::Frames;
use patch::patch;

/// The element that says in `data-source` which page it is. A property of the island would cost the
/// browser the reading of JSON.
pub const ID: &str = "live";

/// Seconds until it is asked again after the line broke: the first time, and at most.
const PATIENCE: (u64, u64) = (1, 30);

/// When a line that neither says something nor ends is given up: later than the server ends it.
const LOST: Duration = Duration::from_secs(70);

/// Says whether what is seen is how it is.
#[island]
pub fn Live() -> impl IntoView {
    let live = RwSignal::new(false);
    let asleep = RwSignal::new(true);
    let watch = Watch {
        live,
        handle: StoredValue::new(None),
    };
    Effect::new(move || {
        asleep.set(false);
        watch.begin(PATIENCE.0);
    });
    window_event_listener(ev::visibilitychange, move |_| watch.begin(PATIENCE.0));
    view! {
        <p
            class=dom::text(move || if live.get() { "live live-on" } else { "live" })
            hidden=asleep
        >
            {dom::text(move || if live.get() { "Live" } else { "Not live" })}
        </p>
    }
}

/// At most one look at a time.
#[derive(Clone, Copy)]
struct Watch {
    live: RwSignal<bool>,
    handle: StoredValue<Option<AbortHandle>>,
}

impl Watch {
    /// Looks while the page is seen; the look before, if there is one, ends. `patience` is how many
    /// seconds are waited when the line breaks.
    fn begin(self, patience: u64) {
        if let Some(before) = self.handle.get_value() {
            before.abort();
        }
        if document().hidden() {
            return;
        }
        let (handle, registration) = AbortHandle::new_pair();
        self.handle.set_value(Some(handle.clone()));
        let lost = move || {
            if !handle.is_aborted() {
                self.live.set(false);
                self.begin(patience);
            }
        };
        set_timeout(lost, LOST);
        spawn_local(async move {
            match Abortable::new(self.follow(), registration).await {
                // The server ends it now and then, to see who asks.
                Ok(Ok(true)) => self.begin(PATIENCE.0),
                Ok(ended) => {
                    self.live.set(false);
                    let seen = ended.is_ok();
                    let patience = if seen { PATIENCE.0 } else { patience };
                    let next = (patience * 2).min(PATIENCE.1);
                    set_timeout(move || self.begin(next), Duration::from_secs(patience));
                }
                Err(_aborted) => {}
            }
        });
    }

    /// Whether it came to its end.
    async fn follow(self) -> Result<bool, Refusal> {
        let page = dom::data(ID).unwrap_or_default();
        let answer = watch_outbox(page).await?;
        let mut chunks = pin!(answer.into_inner());
        let mut frames = Frames::default();
        let mut over = false;
        while let Some(Ok(chunk)) = chunks.next().await {
            for picture in frames.read(&chunk) {
                self.live.set(true);
                over = picture.over;
                if !over {
                    patch(&picture.html);
                }
            }
        }
        Ok(over)
    }
}
