//! Feeds of the outbox for live views: a view is read once a second, however many watch it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use domain::outbox::{Cursor, MessageView, OutboxRows, Overview, Search};
use domain::{Refusal, Timestamp};
use futures::Stream;
use futures::lock::Mutex as AsyncMutex;
use futures::stream::unfold;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::accounts::Accounts;
use crate::outbox::Outbox;
use crate::{Actor, Clock};

/// The time between two reads of a view.
const INTERVAL: Duration = Duration::from_secs(1);

/// The age up to which a view is shared with other feeds: less than [`INTERVAL`].
const FRESH: Duration = Duration::from_millis(800);

/// The age of a view that is sent again although nothing changed, because it shows ages.
const STALE: Duration = Duration::from_secs(15);

/// The length of a feed. Its reader opens another one, which checks the session again.
const FEED_MAX: Duration = Duration::from_secs(45);

/// What a feed shows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OutboxQuery {
    /// The overview, and a page of the list.
    List {
        /// The filter of the list.
        search: Search,
        /// The end of the page before.
        before: Option<Cursor>,
    },
    /// A message by its id.
    Message(String),
}

/// What a query returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutboxView {
    /// For [`OutboxQuery::List`].
    List {
        /// The overview.
        overview: Overview,
        /// The page of the list.
        rows: OutboxRows,
    },
    /// For [`OutboxQuery::Message`].
    Message(MessageView),
}

/// A view at a moment, shared by all feeds of the same query.
#[derive(Debug)]
pub struct TimedView {
    /// The view.
    pub view: OutboxView,
    /// When it was read.
    pub at: Timestamp,
    rendered: OnceLock<Arc<str>>,
}

impl TimedView {
    /// The view as an interface renders it, rendered once for all feeds.
    pub fn rendered(&self, render: impl FnOnce(&Self) -> String) -> Arc<str> {
        Arc::clone(self.rendered.get_or_init(|| render(self).into()))
    }
}

/// An item of a feed.
#[derive(Clone, Debug)]
pub enum FeedItem {
    /// The view, at first and after each change.
    View(Arc<TimedView>),
    /// The end after 45 s, or when the session of the reader has ended. The reader may open another
    /// feed, which checks the session again.
    Expired,
}

/// The feeds of a process. Cheap to clone.
#[derive(Clone)]
pub struct LiveFeed(Arc<Feeds>);

struct Feeds {
    accounts: Accounts,
    outbox: Arc<Outbox>,
    clock: Clock,
    shared: Mutex<HashMap<FeedKey, SharedView>>,
    closed: AtomicBool,
}

/// The query, and the account that sees its own messages only; `None` for administrators.
type FeedKey = (Option<String>, OutboxQuery);

type SharedView = Arc<AsyncMutex<Option<LastRead>>>;

struct LastRead {
    at: Instant,
    /// The duration of the read.
    took: Duration,
    view: Arc<TimedView>,
    /// When the view changed or was renewed.
    changed: Instant,
}

impl LastRead {
    /// A view that takes long to read is read less often, so that watching does not slow down
    /// delivery.
    fn is_fresh(&self, now: Instant) -> bool {
        now - self.at < FRESH.max(self.took * 10)
    }
}

impl LiveFeed {
    pub(crate) fn new(accounts: Accounts, outbox: Arc<Outbox>, clock: Clock) -> Self {
        Self(Arc::new(Feeds {
            accounts,
            outbox,
            clock,
            shared: Mutex::default(),
            closed: AtomicBool::default(),
        }))
    }

    /// Ends all feeds within a second, because the process stops.
    pub fn close(&self) {
        self.0.closed.store(true, Ordering::Relaxed);
    }

    /// A view once.
    ///
    /// # Errors
    /// What the queries of [`Outbox`] refuse.
    pub async fn view(&self, actor: &Actor, query: &OutboxQuery) -> Result<TimedView, Refusal> {
        let outbox = &self.0.outbox;
        let view = match query {
            OutboxQuery::List { search, before } => OutboxView::List {
                overview: outbox.overview(actor).await?,
                rows: outbox.page(actor, search, before.as_ref()).await?,
            },
            OutboxQuery::Message(id) => OutboxView::Message(outbox.message(actor, id).await?),
        };
        Ok(TimedView {
            view,
            at: self.0.clock.now(),
            rendered: OnceLock::new(),
        })
    }

    /// A view now and after each change. The feed ends without [`FeedItem::Expired`] when a read
    /// fails or the process stops.
    ///
    /// # Errors
    /// What the first read refuses.
    pub async fn watch(
        &self,
        actor: Actor,
        query: OutboxQuery,
    ) -> Result<impl Stream<Item = FeedItem> + Send + use<>, Refusal> {
        actor.reads()?;
        let account = match actor.oversees() {
            true => None,
            false => Some(actor.name().to_owned()),
        };
        let shared = self.shared((account, query.clone()));
        let first = self.latest(&shared, &actor, &query).await?;
        let feed = Feed {
            feeds: self.clone(),
            actor,
            query,
            shared,
            opened: self.0.clock.monotonic(),
            next: Some(first),
            sent: None,
        };
        Ok(unfold(Some(feed), Feed::step))
    }

    /// The view shared by the feeds of a key. Those without a feed are forgotten.
    fn shared(&self, key: FeedKey) -> SharedView {
        let mut shared = self.0.shared.lock();
        shared.retain(|_, view| Arc::strong_count(view) > 1);
        Arc::clone(shared.entry(key).or_default())
    }

    /// The view, read again unless it is fresh.
    async fn latest(
        &self,
        shared: &AsyncMutex<Option<LastRead>>,
        actor: &Actor,
        query: &OutboxQuery,
    ) -> Result<Arc<TimedView>, Refusal> {
        let mut last = shared.lock().await;
        let begun = self.0.clock.monotonic();
        if let Some(last) = last.as_ref().filter(|last| last.is_fresh(begun)) {
            return Ok(Arc::clone(&last.view));
        }
        let read = self.view(actor, query).await?;
        let at = self.0.clock.monotonic();
        let took = at - begun;
        let (view, changed) = match last.take() {
            Some(last) if last.view.view == read.view && at - last.changed < STALE => {
                (last.view, last.changed)
            }
            _ => (Arc::new(read), at),
        };
        *last = Some(LastRead {
            at,
            took,
            view: Arc::clone(&view),
            changed,
        });
        Ok(view)
    }
}

struct Feed {
    feeds: LiveFeed,
    actor: Actor,
    query: OutboxQuery,
    shared: SharedView,
    opened: Instant,
    /// Read, and not sent yet.
    next: Option<Arc<TimedView>>,
    sent: Option<Arc<TimedView>>,
}

impl Feed {
    async fn step(feed: Option<Self>) -> Option<(FeedItem, Option<Self>)> {
        let mut feed = feed?;
        let view = match feed.next.take() {
            Some(first) => first,
            None => match feed.changed().await? {
                Some(changed) => changed,
                None => return Some((FeedItem::Expired, None)),
            },
        };
        feed.sent = Some(Arc::clone(&view));
        Some((FeedItem::View(view), Some(feed)))
    }

    /// The next view that differs; `None` in the inner option after [`FEED_MAX`] or the end of the
    /// session, in the outer one where the feed breaks off.
    async fn changed(&self) -> Option<Option<Arc<TimedView>>> {
        loop {
            if self.feeds.0.clock.monotonic() - self.opened >= FEED_MAX {
                return Some(None);
            }
            tokio::time::sleep(INTERVAL).await;
            if self.feeds.0.closed.load(Ordering::Relaxed) {
                return None;
            }
            let accounts = &self.feeds.0.accounts;
            if !accounts.is_current(&self.actor).await.ok()? {
                return Some(None);
            }
            let read = self.feeds.latest(&self.shared, &self.actor, &self.query);
            let view = read.await.ok()?;
            if !self
                .sent
                .as_ref()
                .is_some_and(|sent| Arc::ptr_eq(sent, &view))
            {
                return Some(Some(view));
            }
        }
    }
}
