//! Writes composed messages, for accounts that are still there at the commit.
//!
//! An account can be deleted or disabled while a request of it is read, validated and composed. Both raise the
//! version of the routing, which every commit reads anyway: a request names the version as of which its
//! account was found, and is written by a commit that reads the same one, without a read of its own. After any
//! other change the account is looked up again.

use std::sync::Arc;

use domain::Refusal;

use super::limits::LimitHolder;
use super::reservation::Reservation;
use crate::Actor;
use crate::outbox::group_commit::request::{NewMessage, WriteRequest, WriteResult};
use crate::outbox::service::Outbox;
use crate::store::messages::idempotency::IdempotencyKey;

/// Messages to write, and what goes with them.
struct ComposedRequest {
    messages: Arc<[NewMessage]>,
    key: Option<IdempotencyKey>,
    counted: Vec<LimitHolder>,
}

impl Outbox {
    /// Writes messages of an actor whose account was found as of this version of the routing, leased to the
    /// worker of this process where that has capacity.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`](domain::Kind::Unauthenticated) where the account was deleted or disabled
    /// meanwhile;
    /// [`Kind::Unavailable`](domain::Kind::Unavailable) where the database fails.
    pub(super) async fn write(
        &self,
        actor: &Actor,
        mut version: i64,
        messages: Vec<NewMessage>,
        key: Option<IdempotencyKey>,
        counted: Vec<LimitHolder>,
    ) -> Result<WriteResult, Refusal> {
        let request = ComposedRequest {
            messages: messages.into(),
            key,
            counted,
        };
        loop {
            let known = actor.account().map(|_| version);
            let written = self.write_as_of(known, &request).await?;
            if !written.is_outdated {
                return Ok(written);
            }
            // The settings of other requests are outdated too.
            *self.cached_settings.lock() = None;
            version = self.acceptance_settings().await?.version;
            let known = self.known_accounts.require(&self.store, actor, version);
            known.await?;
        }
    }

    async fn write_as_of(
        &self,
        version: Option<i64>,
        request: &ComposedRequest,
    ) -> Result<WriteResult, Refusal> {
        let messages = request.messages.clone();
        let (key, counted) = (request.key.clone(), request.counted.clone());
        // Dropped with this future, when the caller disconnects.
        let alive = Arc::new(());
        let caller = Arc::downgrade(&alive);
        let worker = self.local_worker();
        if let Some(reservation) = worker.and_then(|worker| Reservation::new(worker, &messages)) {
            let group_commit = self.group_commit.clone();
            return reservation
                .accept(group_commit, messages, key, counted, version, caller)
                .await;
        }
        let request = WriteRequest::Accept {
            messages,
            key,
            counted,
            version,
            lease: None,
            caller,
        };
        self.group_commit.write(request).await
    }
}
