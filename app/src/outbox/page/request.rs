//! What the list page and the message page begin with: the actor and the first view.

use domain::Refusal;
use engine::{Actor, Postern};

use crate::outbox::paths::OutboxPage;
use crate::outbox::public_url::PublicUrl;
use crate::outbox::watch::PageView;
use crate::request::page_url;
use crate::server_prelude::*;

/// A request for a page of the outbox that is kept up to date.
pub struct PageRequest {
    pub postern: Postern,
    pub actor: Actor,
    pub url: PublicUrl,
    page: Result<OutboxPage, Refusal>,
}

impl PageRequest {
    /// Reads the context of the request, which is gone in the futures of its page.
    pub fn new(actor: Actor) -> Self {
        Self {
            postern: expect_context::<Postern>(),
            url: expect_context::<PublicUrl>(),
            page: OutboxPage::parse(&page_url()),
            actor,
        }
    }

    /// Whether the actor is an administrator.
    pub fn is_admin(&self) -> bool {
        self.actor.administers().is_ok()
    }

    /// The path and query that snapshots are requested for.
    pub fn source(&self) -> String {
        self.page.as_ref().map(OutboxPage::url).unwrap_or_default()
    }

    /// Reads the view.
    ///
    /// # Errors
    /// Where the address is no page of the outbox, and those of [`PageView::read`].
    pub async fn view(&self) -> Result<PageView, Refusal> {
        let page = self.page.as_ref().map_err(Clone::clone)?;
        PageView::read(&self.postern, &self.actor, page).await
    }
}
