//! Actions of administrators on messages, with their audit rows and delivery events.

pub(super) mod bulk;
pub(super) mod last_limits;
mod pause;
mod suppressions;

use std::sync::Arc;

use domain::outbox::{
    ActionCount, BulkAction, BulkActionState, Cursor, DeliveryEvent, EventKind, MessageAction,
    Selection,
};
use domain::{Kind, Refusal, Timestamp};

use super::Outbox;
use super::queries::visible;
use crate::Actor;
use crate::audit::Action;
use crate::store::delivery::events::{self, NewEvent};
use crate::store::recipients::{self, RecipientKey};
use crate::store::search::{self, ActionScan};
use crate::store::{Connection, StoreError, commit, messages};
use bulk::CHUNK;

const NO_BODY: &str =
    "The content of this message is no longer stored, so it cannot be sent again.";

const ONE_BY_ONE: &str = "Delivered messages are sent again one by one. Choose a message.";

impl Outbox {
    /// The number of recipients that an action would change, and the newest message among them. Changes
    /// nothing.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for other actors than administrators; [`Kind::Unavailable`] where counting
    /// takes longer than 2 s.
    pub async fn count_act(
        &self,
        actor: &Actor,
        act: MessageAction,
        selection: &Selection,
    ) -> Result<ActionCount, Refusal> {
        actor.administers()?;
        self.count_up_to(actor, act, selection, None).await
    }

    async fn count_up_to(
        &self,
        actor: &Actor,
        act: MessageAction,
        selection: &Selection,
        up_to: Option<String>,
    ) -> Result<ActionCount, Refusal> {
        let (store, now) = (self.store.clone(), self.clock.now());
        let selection = selection.clone();
        self.searches
            .run(actor, async move {
                let mut connection = store.search().await?;
                search::count(&mut connection, act, &selection, up_to.as_deref(), now).await
            })
            .await
    }

    /// Carries out an action, and returns the number of recipients that it changed. Recipients in other
    /// states than the action is for, and leased ones, are left alone. It goes on where the caller is
    /// gone.
    ///
    /// An act on all that match changes the `confirmed` number at most, and no message that is newer
    /// than those counted. More than [`CHUNK`] recipients are changed in chunks beside intake, by one
    /// such act of this process at a time: [`Overview::act`](domain::outbox::Overview::act) is its
    /// progress.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for other actors than administrators; [`Kind::NotFound`] for an unknown
    /// message; [`Kind::Invalid`] under `act` for sending many again; [`Kind::Conflict`] under `act`
    /// for sending a message again whose content is no longer stored; under `number` where more match by now than were confirmed, and
    /// under `act` while another act on many messages is running: then it changed nothing.
    pub async fn act(
        self: &Arc<Self>,
        actor: &Actor,
        act: MessageAction,
        selection: &Selection,
        confirmed: Option<&ActionCount>,
    ) -> Result<i64, Refusal> {
        let outbox = Arc::clone(self);
        let (actor, selection, confirmed) = (actor.clone(), selection.clone(), confirmed.cloned());
        let task = tokio::spawn(async move {
            let done = async {
                match (&selection, &confirmed) {
                    (Selection::Message(id) | Selection::One(Cursor { id, .. }), _) => {
                        let mut connection = outbox.store.read().await?;
                        let message = visible(&mut connection, &actor, id).await?;
                        if act == MessageAction::Resend
                            && !messages::has_body(&mut connection, &message.id).await?
                        {
                            return Err(Refusal::of(Kind::Conflict, "act", NO_BODY));
                        }
                        drop(connection);
                        outbox.act_at_once(&actor, act, &selection, None).await
                    }
                    (Selection::Matching(_), _) if act == MessageAction::Resend => {
                        Err(Refusal::of(Kind::Invalid, "act", ONE_BY_ONE))
                    }
                    (Selection::Matching(_), Some(confirmed)) => {
                        outbox.act_on_all(&actor, act, &selection, confirmed).await
                    }
                    (Selection::Matching(_), None) => {
                        let text = "Count first, and confirm the number.";
                        Err(Refusal::of(Kind::Invalid, "number", text))
                    }
                }
            };
            outbox.audit.administer(&actor, recorded(act), done).await
        });
        task.await.map_err(|_| Refusal::internal())?
    }

    /// Stops the action on many messages that this process carries out, after its current chunk.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for other actors than administrators; [`Kind::NotFound`] where none is
    /// running.
    pub async fn stop_act(&self, actor: &Actor) -> Result<(), Refusal> {
        let done = async {
            if !self.bulk_actions.stop() {
                return Err(Refusal::new(Kind::NotFound, "No action is running."));
            }
            Ok(self
                .audit
                .record_alone(actor, Action::StopAction, "")
                .await?)
        };
        self.audit.administer(actor, Action::StopAction, done).await
    }

    /// Stops the action on many messages, and waits until its current chunk and its row in the audit log
    /// are written, before the database is closed.
    pub(crate) async fn end_act(&self) {
        self.bulk_actions.stop();
        self.bulk_actions.ended().await;
    }

    async fn act_on_all(
        &self,
        actor: &Actor,
        act: MessageAction,
        selection: &Selection,
        confirmed: &ActionCount,
    ) -> Result<i64, Refusal> {
        let up_to = confirmed.up_to.clone();
        let counted = self.count_up_to(actor, act, selection, up_to).await?;
        if counted.number > confirmed.number {
            let text = format!(
                "The number of recipients is {} by now. Nothing was changed; check the selection and \
                 confirm the new number.",
                counted.number
            );
            return Err(Refusal::of(Kind::Conflict, "number", text));
        }
        if confirmed.number <= CHUNK {
            return self
                .act_at_once(actor, act, selection, Some(confirmed))
                .await;
        }
        self.act_in_chunks(actor, act, selection, confirmed).await
    }

    /// Carries out an action in one unit of work, with its row in the audit log.
    async fn act_at_once(
        &self,
        actor: &Actor,
        act: MessageAction,
        selection: &Selection,
        confirmed: Option<&ActionCount>,
    ) -> Result<i64, Refusal> {
        let (limit, up_to) = match confirmed {
            Some(ActionCount { number, up_to }) => (*number, up_to.as_deref()),
            None => (CHUNK, None),
        };
        let now = self.clock.now();
        let mut connection = self.store.search().await?;
        let mut scan = ActionScan::new(&mut connection, act, selection, up_to).await?;
        let keys = scan.next(&mut connection, limit, now).await?;
        drop(connection);
        let mut work = self.store.begin_by_key().await?;
        let number = change(&mut work, actor, act, selection, &keys, now).await?;
        let detail = format!("{number} of {}", describe(selection));
        self.audit
            .record(&mut work, actor, recorded(act), detail)
            .await?;
        commit(work).await?;
        self.changed();
        Ok(number)
    }

    /// Carries out an action in chunks, each a unit of work, with a row in the audit log at its beginning
    /// and at its end.
    async fn act_in_chunks(
        &self,
        actor: &Actor,
        act: MessageAction,
        selection: &Selection,
        confirmed: &ActionCount,
    ) -> Result<i64, Refusal> {
        let selected = describe(selection);
        let begun = BulkAction {
            action: act,
            by: actor.name().to_owned(),
            number: confirmed.number,
            done: 0,
            state: BulkActionState::Running,
            at: self.clock.now(),
        };
        let progress = self.bulk_actions.begin(begun, self.clock.clone())?;
        let up_to = confirmed.up_to.as_deref();
        let mut scan =
            ActionScan::new(&mut self.store.search().await?, act, selection, up_to).await?;
        let mut done = 0;
        while progress.goes_on(done) && done < confirmed.number {
            let now = self.clock.now();
            let limit = CHUNK.min(confirmed.number - done);
            let keys = scan
                .next(&mut self.store.search().await?, limit, now)
                .await?;
            if keys.is_empty() {
                break;
            }
            let mut work = self.store.begin_by_key().await?;
            let changed = change(&mut work, actor, act, selection, &keys, now).await?;
            if done == 0 {
                let detail = format!("begun: {} of {selected}", confirmed.number);
                self.audit
                    .record(&mut work, actor, recorded(act), detail)
                    .await?;
            }
            commit(work).await?;
            done += changed;
            self.store.wrote();
            self.changed();
        }
        let state = progress.end();
        let ended = match state {
            BulkActionState::Stopped => "stopped after ",
            _ => "",
        };
        let detail = format!("{ended}{done} of {selected}");
        self.audit
            .record_alone(actor, recorded(act), detail)
            .await?;
        Ok(done)
    }
}

/// The action in the audit log.
fn recorded(act: MessageAction) -> Action {
    match act {
        MessageAction::Retry => Action::RetryMail,
        MessageAction::Resend => Action::ResendMail,
        MessageAction::Cancel => Action::CancelMail,
        MessageAction::Hold => Action::HoldMail,
        MessageAction::Release => Action::ReleaseMail,
    }
}

/// Changes recipients, and adds an event to each. Returns how many were still as the action and the
/// selection require.
async fn change(
    work: &mut Connection,
    actor: &Actor,
    act: MessageAction,
    selection: &Selection,
    keys: &[RecipientKey],
    now: Timestamp,
) -> Result<i64, StoreError> {
    let kind = match act {
        MessageAction::Retry => EventKind::Retried,
        MessageAction::Resend => EventKind::Resent,
        MessageAction::Cancel => EventKind::Cancelled,
        MessageAction::Hold => EventKind::Held,
        MessageAction::Release => EventKind::Released,
    };
    let event = DeliveryEvent {
        at: now,
        kind,
        by: actor.name().to_owned(),
        choice: None,
        reply: String::new(),
        took: None,
        may_have_arrived: false,
    };
    let states = search::states(act, selection);
    let delivered = match act {
        MessageAction::Resend => deliveries(work, keys).await?,
        _ => Vec::new(),
    };
    let changed = recipients::change(work, act, &states, keys, now).await?;
    let number = i64::try_from(changed.len()).unwrap_or(i64::MAX);
    let kept = delivered
        .into_iter()
        .filter(|entry| changed.contains(&entry.key));
    let mut entries: Vec<NewEvent> = kept.collect();
    entries.extend(changed.iter().map(|key| NewEvent {
        key: key.clone(),
        event: event.clone(),
        first_unanswered: false,
    }));
    events::add(work, &entries).await?;
    Ok(number)
}

/// The deliveries to recipients, as events: the row of a recipient holds only the last.
async fn deliveries(
    work: &mut Connection,
    keys: &[RecipientKey],
) -> Result<Vec<NewEvent>, StoreError> {
    let Some(first) = keys.first() else {
        return Ok(Vec::new());
    };
    let rows = recipients::of_message(work, &first.message_id).await?;
    let delivered = rows.into_iter().filter_map(|row| {
        let key = RecipientKey {
            message_id: first.message_id.clone(),
            position: row.position,
        };
        let event = DeliveryEvent {
            at: row.settled?,
            kind: EventKind::Delivered,
            by: row.relay.unwrap_or_default(),
            choice: row.choice,
            reply: row.reply.unwrap_or_default(),
            took: row.took,
            may_have_arrived: false,
        };
        Some(NewEvent {
            key,
            event,
            first_unanswered: false,
        })
    });
    Ok(delivered.collect())
}

/// The selection for the audit log, without addresses and subjects.
fn describe(selection: &Selection) -> String {
    match selection {
        Selection::One(cursor) => format!("message {cursor}"),
        Selection::Message(id) => format!("message {id}"),
        Selection::Matching(search) => {
            let pairs = search.pairs();
            if pairs.is_empty() {
                return "all messages".to_owned();
            }
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
