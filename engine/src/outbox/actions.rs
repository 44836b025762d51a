//! Acts of administrators on messages. Each is one transaction with its audit row and its events.

use domain::outbox::{Cursor, DeliveryEvent, EventKind, MessageAction, Selection};
use domain::view::Stamp;
use domain::{Kind, Refusal};

use super::Outbox;
use super::queries::visible;
use crate::Actor;
use crate::audit::Action;
use crate::store::delivery_events::NewEvent;
use crate::store::{commit, delivery_events, pause, search, suppressions};

impl Outbox {
    /// The number of recipients that an act would change. Changes nothing.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for other actors than administrators.
    pub async fn count_act(
        &self,
        actor: &Actor,
        act: MessageAction,
        selection: &Selection,
    ) -> Result<i64, Refusal> {
        actor.administers()?;
        let (store, now) = (self.store.clone(), self.clock.now());
        let selection = selection.clone();
        self.searches
            .run(actor, async move {
                search::count(&mut store.search().await?, act, &selection, now).await
            })
            .await
    }

    /// Carries out an act, and returns the number of recipients that it changed. Recipients in other
    /// states than the act is for, and leased ones, are left alone.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for other actors than administrators; [`Kind::NotFound`] for an unknown
    /// message; [`Kind::Conflict`] where it would change more than `at_most`: then it changed none.
    pub async fn act(
        &self,
        actor: &Actor,
        act: MessageAction,
        selection: &Selection,
        at_most: Option<i64>,
    ) -> Result<i64, Refusal> {
        let (action, kind) = match act {
            MessageAction::Retry => (Action::RetryMail, EventKind::Retried),
            MessageAction::Cancel => (Action::CancelMail, EventKind::Cancelled),
            MessageAction::Hold => (Action::HoldMail, EventKind::Held),
            MessageAction::Release => (Action::ReleaseMail, EventKind::Released),
        };
        let done = async {
            let now = self.clock.now();
            let access = search::access(&mut self.store.search().await?, selection).await?;
            let mut work = self.store.begin().await?;
            if let Selection::Message(id) | Selection::One(Cursor { id, .. }) = selection {
                visible(&mut work, actor, id).await?;
            }
            let changed = search::act(&mut work, act, selection, access, now).await?;
            let number = i64::try_from(changed.len()).unwrap_or(i64::MAX);
            if at_most.is_some_and(|agreed| number > agreed) {
                let text = format!(
                    "The number is {number} by now. Nothing was changed; check the selection and \
                     confirm the new number."
                );
                return Err(Refusal::of(Kind::Conflict, "number", text));
            }
            let event = DeliveryEvent {
                at: now,
                kind,
                by: actor.name().to_owned(),
                reply: String::new(),
                took: None,
                may_have_arrived: false,
            };
            let entries: Vec<NewEvent> = changed
                .into_iter()
                .map(|key| NewEvent {
                    key,
                    event: event.clone(),
                })
                .collect();
            delivery_events::add(&mut work, &entries).await?;
            let detail = format!("{number} of {}", describe(selection));
            self.audit.record(&mut work, actor, action, detail).await?;
            commit(work).await?;
            self.changed();
            Ok(number)
        };
        self.audit.administer(actor, action, done).await
    }

    /// Pauses delivery, or resumes it. Attempts under way end; queued messages stay where they are,
    /// and messages accepted meanwhile are held until they are released.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for other actors than administrators.
    pub async fn pause_delivery(&self, actor: &Actor, on: bool) -> Result<(), Refusal> {
        let done = async {
            let stamp = on.then(|| Stamp {
                at: self.clock.now(),
                by: actor.name().to_owned(),
            });
            let mut work = self.store.begin().await?;
            if pause::write(&mut work, stamp.as_ref()).await? {
                let detail = if on { "begun" } else { "ended" };
                self.audit
                    .record(&mut work, actor, Action::PauseDelivery, detail)
                    .await?;
            }
            commit(work).await?;
            self.changed();
            Ok(())
        };
        self.audit
            .administer(actor, Action::PauseDelivery, done)
            .await
    }

    /// Removes an address from the suppression list.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for other actors than administrators; [`Kind::NotFound`] where it is not
    /// on the list.
    pub async fn remove_suppression(&self, actor: &Actor, address: &str) -> Result<(), Refusal> {
        let done = async {
            let mut work = self.store.begin().await?;
            let known = !address.chars().any(char::is_control);
            if !known || !suppressions::remove(&mut work, address).await? {
                let text = "This address is not listed.";
                return Err(Refusal::of(Kind::NotFound, "address", text));
            }
            self.audit
                .record(&mut work, actor, Action::RemoveSuppression, address)
                .await?;
            commit(work).await?;
            Ok(())
        };
        self.audit
            .administer(actor, Action::RemoveSuppression, done)
            .await
    }
}

/// The selection for the audit log, without addresses and subjects.
fn describe(selection: &Selection) -> String {
    match selection {
        Selection::One(cursor) => format!("message {cursor}"),
        Selection::Message(id) => format!("message {id}"),
        Selection::Matching(search) => {
            let pairs = search.pairs();
            let asked: Vec<String> = pairs
                .into_iter()
                .map(|(name, value)| match name {
                    "address" | "subject" => name.to_owned(),
                    _ => format!("{name} {value}"),
                })
                .collect();
            format!("all that match: {}", asked.join(", "))
        }
    }
}
