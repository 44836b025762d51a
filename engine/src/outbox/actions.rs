//! What administrators do with mail in the outbox: each act whole, with its audit row and a row in
//! the timeline of every mail it touches.

use domain::outbox::{Cursor, DeliveryEvent, EventKind, MessageAction, Selection};
use domain::view::Stamp;
use domain::{Kind, Refusal};

use super::queries::visible;
use crate::audit::Action;
use crate::store::delivery_events::Entry;
use crate::store::{commit, delivery_events, pause, search, suppressions};
use crate::{Actor, Postern};

impl Postern {
    /// How many mails an act would touch, each recipient counted. Nothing is done.
    pub async fn count_act(
        &self,
        actor: &Actor,
        act: MessageAction,
        selection: &Selection,
    ) -> Result<i64, Refusal> {
        actor.administers()?;
        let mut connection = self.store().reporting().await?;
        Ok(search::count(&mut connection, act, selection, self.now()).await?)
    }

    /// Does it, and answers how many mails it touched, each recipient counted. What the act is not
    /// for, and what is on a connection at this moment, is left alone.
    ///
    /// # Errors
    /// [`Kind::Conflict`] where it would touch more than `at_most`, which somebody agreed to; then
    /// it touched none.
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
        self.audit().administer(actor, action, async {
            let now = self.now();
            let mut work = self.store().begin().await?;
            if let Selection::Message(id) | Selection::One(Cursor { id, .. }) = selection {
                visible(&mut work, actor, id).await?;
            }
            let touched = search::act(&mut work, act, selection, now).await?;
            let number = i64::try_from(touched.len()).unwrap_or(i64::MAX);
            if at_most.is_some_and(|agreed| number > agreed) {
                let text = format!(
                    "By now it is {number}. Nothing was changed; look again and say whether you mean all of them."
                );
                return Err(Refusal::of(Kind::Conflict, "number", text));
            }
            let entries: Vec<Entry> = touched
                .into_iter()
                .map(|(message, position)| Entry {
                    message,
                    position,
                    event: DeliveryEvent {
                        at: now,
                        kind,
                        by: actor.name().to_owned(),
                        reply: String::new(),
                        took: None,
                        may_have_arrived: false,
                    },
                })
                .collect();
            delivery_events::add(&mut work, &entries).await?;
            let detail = format!("{number} of {}", named(selection));
            self.audit().record(&mut work, actor, action, detail).await?;
            commit(work).await?;
            self.outbox().touched();
            Ok(number)
        })
        .await
    }

    /// Holds everything from now on, or ends that: what is under way ends, mail that waits stays
    /// where it is, and mail that is accepted meanwhile is held until it is released.
    pub async fn pause_delivery(&self, actor: &Actor, on: bool) -> Result<(), Refusal> {
        self.audit()
            .administer(actor, Action::PauseDelivery, async {
                let stamp = on.then(|| Stamp {
                    at: self.now(),
                    by: actor.name().to_owned(),
                });
                let mut work = self.store().begin().await?;
                if pause::write(&mut work, stamp.as_ref()).await? {
                    let detail = if on { "begun" } else { "ended" };
                    self.audit()
                        .record(&mut work, actor, Action::PauseDelivery, detail)
                        .await?;
                }
                commit(work).await?;
                self.outbox().changed();
                Ok(())
            })
            .await
    }

    /// Sends to an address again that a relay said there is none.
    pub async fn remove_suppression(&self, actor: &Actor, address: &str) -> Result<(), Refusal> {
        self.audit()
            .administer(actor, Action::RemoveSuppression, async {
                let mut work = self.store().begin().await?;
                let known = !address.chars().any(char::is_control);
                if !known || !suppressions::remove(&mut work, address).await? {
                    let text = "This address is not listed.";
                    return Err(Refusal::of(Kind::NotFound, "address", text));
                }
                self.audit()
                    .record(&mut work, actor, Action::RemoveSuppression, address)
                    .await?;
                commit(work).await?;
                Ok(())
            })
            .await
    }
}

/// What was selected, without an address.
fn named(selection: &Selection) -> String {
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
