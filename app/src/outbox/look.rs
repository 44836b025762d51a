//! Looks at the outbox, which are shared: however many watch one page, it is asked for once a second
//! and drawn when something changed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use domain::Refusal;
use domain::cause::Cause;
use domain::outbox::{Cursor, MessageView, OutboxRows, Overview, Search};
use engine::{Actor, Postern};
use futures::Stream;
use futures::lock::Mutex as Turn;
use futures::stream::unfold;
use leptos::prelude::*;
use parking_lot::Mutex;

use super::Viewer;
use super::address::{Place, asked};
use super::list::Mails;
use super::message::Message;
use super::overview::Glance;
use super::standing::known_cause;
use crate::picture::Picture;

/// How often is looked.
const OFTEN: Duration = Duration::from_secs(1);

/// How long a look may stand for another: less than the time between two of one page.
const FRESH: Duration = Duration::from_millis(800);

/// When what did not change is drawn again, because times are told from now.
const STALE: Duration = Duration::from_secs(15);

/// How long a page is told before it has to ask again: a session that ended ends here too, and
/// proxies cut what takes longer.
const LONG: Duration = Duration::from_secs(45);

/// What is in the outbox, as far as a page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    List {
        overview: Overview,
        cause: Option<&'static Cause>,
        page: OutboxRows,
        search: Search,
        before: Option<Cursor>,
    },
    Message(MessageView),
}

impl Seen {
    /// Asks the engine.
    pub async fn look(postern: &Postern, actor: &Actor, place: &Place) -> Result<Self, Refusal> {
        match place {
            Place::List(pairs) => {
                let (search, before) = asked(pairs)?;
                let overview = postern.outbox().overview(actor).await?;
                let page = postern
                    .outbox()
                    .page(actor, &search, before.as_ref())
                    .await?;
                Ok(Self::List {
                    cause: cause(postern, actor, &overview).await,
                    overview,
                    page,
                    search,
                    before,
                })
            }
            Place::Message(id) => Ok(Self::Message(postern.outbox().message(actor, id).await?)),
        }
    }

    /// What was searched for.
    pub fn search(&self) -> Search {
        match self {
            Self::List { search, .. } => search.clone(),
            Self::Message(_) => Search::default(),
        }
    }

    pub fn message(&self) -> Option<&MessageView> {
        match self {
            Self::List { .. } => None,
            Self::Message(message) => Some(message),
        }
    }

    /// The parts that stand at the top of the page, apart from each other.
    pub fn parts(self, viewer: Viewer) -> (AnyView, AnyView) {
        match self {
            Self::List {
                overview,
                cause,
                page,
                search,
                before,
            } => {
                let counts = overview.counts.clone();
                let shown = search.state;
                let glance = view! { <Glance overview cause shown viewer=viewer.clone() /> };
                let mails = view! { <Mails page search before counts viewer /> };
                (glance.into_any(), mails.into_any())
            }
            Self::Message(message) => {
                let message = view! { <Message message viewer /> };
                (message.into_any(), ().into_any())
            }
        }
    }

    fn html(self, viewer: Viewer) -> String {
        let (first, second) = self.parts(viewer);
        first.to_html() + &second.to_html()
    }
}

/// Why a relay is in trouble, where that is known and the one who asks may know.
async fn cause(postern: &Postern, actor: &Actor, overview: &Overview) -> Option<&'static Cause> {
    let trouble = overview.workers.iter().find_map(|w| w.trouble.as_ref())?;
    let settings = postern.settings().view(actor).await.ok()?;
    known_cause(trouble, &settings.form)
}

/// Whose look it is, and at what: all administrators see the same.
type Key = (Option<String>, Place);

/// The looks that are being had at the outbox of a Postern. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Looks(Arc<Had>);

#[derive(Debug)]
struct Had {
    /// Where programs reach this Postern.
    url: String,
    shared: Mutex<HashMap<Key, Shared>>,
    closed: AtomicBool,
}

type Shared = Arc<Turn<Option<Look>>>;

#[derive(Debug)]
struct Look {
    at: Instant,
    /// How long the database took to answer.
    took: Duration,
    drawn: Instant,
    seen: Seen,
    html: Arc<str>,
}

impl Look {
    /// Where looking takes long it is done less often: it must not slow down what is looked at.
    fn is_fresh(&self) -> bool {
        self.at.elapsed() < FRESH.max(self.took * 10)
    }
}

impl Looks {
    pub fn new(url: String) -> Self {
        Self(Arc::new(Had {
            url,
            shared: Mutex::default(),
            closed: AtomicBool::default(),
        }))
    }

    /// Where programs reach this Postern.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// Ends them within a second, because Postern stops.
    pub fn close(&self) {
        self.0.closed.store(true, Ordering::Relaxed);
    }

    fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Relaxed)
    }

    /// The look that is shared; those nobody has any more are forgotten.
    fn shared(&self, key: Key) -> Shared {
        let mut looks = self.0.shared.lock();
        looks.retain(|_, look| Arc::strong_count(look) > 1);
        Arc::clone(looks.entry(key).or_default())
    }
}

/// How the page looks now.
async fn drawn(
    last: &Turn<Option<Look>>,
    postern: &Postern,
    actor: &Actor,
    place: &Place,
    url: &str,
) -> Result<Arc<str>, Refusal> {
    let mut last = last.lock().await;
    if let Some(look) = last.as_ref().filter(|look| look.is_fresh()) {
        return Ok(Arc::clone(&look.html));
    }
    let asked = Instant::now();
    let seen = Seen::look(postern, actor, place).await?;
    let took = asked.elapsed();
    if let Some(look) = last.as_mut()
        && look.seen == seen
        && look.drawn.elapsed() < STALE
    {
        (look.at, look.took) = (Instant::now(), took);
        return Ok(Arc::clone(&look.html));
    }
    let html: Arc<str> = seen.clone().html(Viewer::new(actor, url)).into();
    let at = Instant::now();
    *last = Some(Look {
        at,
        took,
        drawn: at,
        seen,
        html: Arc::clone(&html),
    });
    Ok(html)
}

/// A picture now and whenever the page changes, until it is to ask again.
///
/// # Errors
/// When it is no page of the outbox, or not one for who asks.
pub async fn pictures(
    looks: Looks,
    postern: Postern,
    actor: Actor,
    page: &str,
) -> Result<impl Stream<Item = Picture> + Send + use<>, Refusal> {
    let place = Place::read(page)?;
    let admin = Viewer::new(&actor, "").admin;
    let who = (!admin).then(|| actor.name().to_owned());
    let look = looks.shared((who, place.clone()));
    let first = drawn(&look, &postern, &actor, &place, looks.url()).await?;
    let begun = Instant::now();
    Ok(unfold(Some((None, first)), move |state| {
        let (look, postern, actor) = (Arc::clone(&look), postern.clone(), actor.clone());
        let (looks, place) = (looks.clone(), place.clone());
        async move {
            let (told, mut html): (Option<Arc<str>>, Arc<str>) = state?;
            // Drawn alike, it is not told again.
            while told.as_ref() == Some(&html) {
                if begun.elapsed() >= LONG {
                    let over = Picture {
                        over: true,
                        ..Picture::default()
                    };
                    return Some((over, None));
                }
                tokio::time::sleep(OFTEN).await;
                if looks.is_closed() {
                    return None;
                }
                // It began well, so the page asks again, and hears what is wrong.
                html = drawn(&look, &postern, &actor, &place, looks.url())
                    .await
                    .ok()?;
            }
            let picture = Picture {
                html: html.to_string(),
                ..Picture::default()
            };
            Some((picture, Some((Some(Arc::clone(&html)), html))))
        }
    }))
}
