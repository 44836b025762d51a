//! The views of the outbox, for a page and for the snapshots that keep it up to date.

use domain::outbox::{MessageView, Search};
use domain::{Refusal, Timestamp};
use engine::{Actor, FeedItem, OutboxQuery, OutboxView, Postern};
use futures::StreamExt;
use futures::stream::BoxStream;

use super::list::Messages;
use super::message::Message;
use super::overview::OverviewPanel;
use super::paths::{OutboxPage, list_query};
use super::public_url::PublicUrl;
use super::viewer::Viewer;
use crate::live::Snapshot;
use crate::server_prelude::*;

/// What a page of the outbox shows.
#[derive(Clone, Debug)]
pub struct PageView {
    view: OutboxView,
    /// When it was read.
    at: Timestamp,
    query: OutboxQuery,
}

impl PageView {
    /// Reads the view of a page once.
    ///
    /// # Errors
    /// When the query is invalid, or the engine refuses it.
    pub async fn read(
        postern: &Postern,
        actor: &Actor,
        page: &OutboxPage,
    ) -> Result<Self, Refusal> {
        let query = outbox_query(page)?;
        let read = postern.feed().view(actor, &query).await?;
        Ok(Self {
            view: read.view,
            at: read.at,
            query,
        })
    }

    /// The search of the list.
    pub fn search(&self) -> Search {
        match &self.query {
            OutboxQuery::List { search, .. } => search.clone(),
            OutboxQuery::Message(_) => Search::default(),
        }
    }

    /// The message of a message page.
    pub fn message(&self) -> Option<&MessageView> {
        match &self.view {
            OutboxView::List { .. } => None,
            OutboxView::Message(message) => Some(message),
        }
    }

    /// The two elements that snapshots replace; the second one is empty on a message page.
    pub fn parts(self, actor: &Actor, url: &PublicUrl) -> (AnyView, AnyView) {
        let viewer = Viewer::new(actor, url, self.at);
        match (self.view, self.query) {
            (OutboxView::List { overview, rows }, OutboxQuery::List { search, before }) => {
                let counts = overview.counts.clone();
                let shown = search.state;
                let panel = view! { <OverviewPanel overview shown viewer=viewer.clone() /> };
                let messages = view! { <Messages page=rows search before counts viewer /> };
                (panel.into_any(), messages.into_any())
            }
            (OutboxView::Message(message), _) => {
                let message = view! { <Message message viewer /> };
                (message.into_any(), ().into_any())
            }
            (OutboxView::List { .. }, OutboxQuery::Message(_)) => (().into_any(), ().into_any()),
        }
    }
}

/// A snapshot now and after each change, until the page has to ask again.
///
/// # Errors
/// When the URL is no page of the outbox, or the engine refuses the query.
pub async fn snapshots(
    postern: Postern,
    actor: Actor,
    public_url: PublicUrl,
    url: &str,
) -> Result<BoxStream<'static, Snapshot>, Refusal> {
    let query = outbox_query(&OutboxPage::parse(url)?)?;
    let items = postern.feed().watch(actor.clone(), query.clone()).await?;
    let snapshots = items.map(move |item| match item {
        FeedItem::View(read) => {
            let html = read.rendered(|read| {
                let page = PageView {
                    view: read.view.clone(),
                    at: read.at,
                    query: query.clone(),
                };
                let (first, second) = page.parts(&actor, &public_url);
                first.to_html() + &second.to_html()
            });
            Snapshot {
                html: html.to_string(),
                ..Snapshot::default()
            }
        }
        FeedItem::Expired => Snapshot {
            last: true,
            ..Snapshot::default()
        },
    });
    Ok(snapshots.boxed())
}

fn outbox_query(page: &OutboxPage) -> Result<OutboxQuery, Refusal> {
    Ok(match page {
        OutboxPage::List(query) => {
            let (search, before) = list_query(query)?;
            OutboxQuery::List { search, before }
        }
        OutboxPage::Message(id) => OutboxQuery::Message(id.clone()),
    })
}
