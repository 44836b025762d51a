//! Queues the events of webhooks in the commit that settles their recipients: each once.

use domain::Timestamp;
use domain::webhook::{RecipientReport, message_body};

use crate::store::notifications::webhook_deliveries::{self, NewWebhookEvent};
use crate::store::recipients::{RecipientEvent, SettledRecipient};
use crate::store::{Connection, StoreError, messages};

/// A result that was written, and its event.
struct EventRow<'a> {
    result: &'a SettledRecipient,
    event: &'a RecipientEvent,
}

/// Queues the events of these results, which are written. Returns how many are queued: none for a webhook
/// that was removed or switched off.
pub(super) async fn write(
    work: &mut Connection,
    written: Vec<&SettledRecipient>,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let rows = written.into_iter().filter_map(|result| {
        let event = result.event.as_deref()?;
        Some(EventRow { result, event })
    });
    let mut rows: Vec<EventRow<'_>> = rows.collect();
    if rows.is_empty() {
        return Ok(0);
    }
    // Every commit locks the rows of webhooks in the same order.
    rows.sort_by(|a, b| {
        let webhooks = a.event.webhook.cmp(&b.event.webhook);
        webhooks.then_with(|| a.result.key.cmp(&b.result.key))
    });
    let mut ids: Vec<&str> = rows
        .iter()
        .map(|row| row.result.key.message_id.as_str())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let message_ids = messages::message_ids(work, &ids).await?;
    let mut queued = 0;
    for rows in rows.chunk_by(|a, b| a.event.webhook == b.event.webhook) {
        let events = rows.iter().map(|EventRow { result, event }| {
            let message_id = message_ids.get(&result.key.message_id);
            let report = RecipientReport {
                id: &result.key.message_id,
                message_id: message_id.map_or("", String::as_str),
                recipient: &event.address,
                relay: &result.relay,
                reply: &result.reply,
                attempts: result.attempts,
                next_attempt: result.due,
            };
            NewWebhookEvent::new(event.event, message_body(event.event, &report, now), now)
        });
        let events: Vec<NewWebhookEvent> = events.collect();
        if webhook_deliveries::add_all(work, &rows[0].event.webhook, &events).await? {
            queued += events.len();
        }
    }
    Ok(queued)
}
