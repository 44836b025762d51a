//! `/api/messages`: searching and reading submitted mail.

use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use domain::outbox::{
    self, EventKind, MessagePosition, MessageView, OutboxRow, OutboxRows, Priority, RecipientState,
    RecipientView, Search,
};
use domain::{Failure, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::state::AppState;
use crate::rest::request::extract::{PathParams, QueryPairs, SignedIn};
use crate::rest::response::envelope::{Refused, SUCCESS, Success};
use crate::rest::response::errors::{Always, Missing, Restricted, Throttled};

/// Lines that match, newest first.
#[derive(Serialize, ToSchema)]
pub struct MessagePage {
    /// The status, always `success`.
    #[schema(value_type = String, pattern = "^success$", example = json!(SUCCESS))]
    status: &'static str,
    data: Vec<MessageLine>,
    /// The value of `before` for the next lines; null at the end.
    #[schema(example = "01M7VNZG4G8Q2X5T7B9C3D6EFH.0")]
    next: Option<String>,
}

/// A message for one recipient.
#[derive(Serialize, ToSchema)]
struct MessageLine {
    #[schema(example = "01M7VNZG4G8Q2X5T7B9C3D6EFH")]
    id: String,
    /// The recipient among those of the message, from 0.
    #[schema(example = 0)]
    recipient: i64,
    #[schema(format = DateTime)]
    accepted: String,
    #[schema(example = "alerts@example.org")]
    from: String,
    #[schema(example = "desk@example.org")]
    to: String,
    #[schema(example = "Fire")]
    subject: String,
    priority: Priority,
    state: RecipientState,
    /// Whether a process is delivering it at this moment.
    leased: bool,
    #[schema(example = 1)]
    attempts: i64,
    /// When the next attempt is due; null if none is.
    #[schema(format = DateTime)]
    next_attempt: Option<String>,
    /// The last reply of the relay, or the observed failure.
    #[schema(example = "250 2.0.0 Ok: queued as 4bT1Zy2sXz")]
    reply: Option<String>,
}

impl From<OutboxRow> for MessageLine {
    fn from(row: OutboxRow) -> Self {
        Self {
            id: row.id,
            recipient: row.position,
            accepted: row.accepted.rfc3339(),
            from: row.from,
            to: row.to,
            subject: row.subject,
            priority: row.priority,
            state: row.state,
            leased: row.leased,
            attempts: row.attempts,
            next_attempt: row.due.map(Timestamp::rfc3339),
            reply: row.reply,
        }
    }
}

/// Find messages
///
/// Lists the lines that match all criteria of the query, newest first, fifty at a time. Administrators
/// see every message, other accounts their own. A search that takes longer than 2 s is ended: narrow it.
/// An account runs one at a time.
#[utoipa::path(
    get,
    path = "/api/messages",
    tag = "Messages",
    params(Search, MessagePosition),
    responses(
        (status = 200, description = "The lines", body = MessagePage),
        Restricted,
        Throttled,
        Always,
    )
)]
pub async fn list(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    QueryPairs(query): QueryPairs,
) -> Result<axum::Json<MessagePage>, Refused> {
    let (search, before) = Search::read_from(&query)?;
    let OutboxRows { lines, next } = state
        .postern
        .outbox()
        .page(&actor, &search, before.as_ref())
        .await?;
    Ok(axum::Json(MessagePage {
        status: SUCCESS,
        data: lines.into_iter().map(Into::into).collect(),
        next: next.map(|next| next.to_string()),
    }))
}

/// A message with its delivery events.
#[derive(Serialize, ToSchema)]
pub struct Message {
    #[schema(example = "01M7VNZG4G8Q2X5T7B9C3D6EFH")]
    id: String,
    #[schema(format = DateTime)]
    accepted: String,
    /// The account that submitted the message; `local` for a program without an account, empty for the
    /// command line.
    #[schema(example = "jonas@example.org")]
    by: String,
    /// The sender of the envelope; `<>` is the null sender.
    #[schema(example = "alerts@example.org")]
    from: String,
    #[schema(example = "Fire")]
    subject: String,
    priority: Priority,
    /// The header field Message-ID, with its angle brackets.
    #[schema(example = "<01M7VNZG4G8Q2X5T7B9C3D6EFH@example.org>")]
    message_id: String,
    /// The size in bytes.
    #[schema(example = 412)]
    size: i64,
    /// Whether the content is still stored.
    kept: bool,
    recipients: Vec<MessageRecipient>,
    /// The relays of the message if it is due and none of them takes mail; otherwise the relays that
    /// take none and at which it may have arrived.
    #[schema(example = json!([]))]
    waits_for: Vec<UnavailableRelay>,
    /// The opens of the message; null if it was submitted without `track_opens`.
    open_tracking: Option<MessageOpens>,
}

/// Loads of the image of a message, of all its recipients together. A mail program that blocks images
/// loads none, and one that loads them in advance counts without a reader.
#[derive(Serialize, ToSchema)]
struct MessageOpens {
    #[schema(example = 2)]
    opens: i64,
    #[schema(format = DateTime, example = "2026-11-20T05:20:00Z")]
    first_opened_at: Option<String>,
    #[schema(format = DateTime, example = "2026-11-20T09:41:12Z")]
    last_opened_at: Option<String>,
}

/// A relay that takes no mail at present.
#[derive(Serialize, ToSchema)]
struct UnavailableRelay {
    /// The name of the relay; empty for accounts that are not administrators.
    relay: String,
    /// The reason why the relay takes no mail. Accounts that are not administrators see only the stage.
    failure: Failure,
    #[schema(format = DateTime)]
    since: String,
    #[schema(format = DateTime)]
    next_attempt: String,
}

/// A message for one recipient, with its history.
#[derive(Serialize, ToSchema)]
struct MessageRecipient {
    #[schema(example = 0)]
    recipient: i64,
    #[schema(example = "desk@example.org")]
    address: String,
    state: RecipientState,
    /// Whether a process is delivering it at this moment.
    leased: bool,
    #[schema(example = 1)]
    attempts: i64,
    /// When the next attempt is due; null if none is.
    #[schema(format = DateTime)]
    next_attempt: Option<String>,
    /// The last reply of the relay, or the observed failure.
    #[schema(example = "250 2.0.0 Ok: queued as 4bT1Zy2sXz")]
    reply: Option<String>,
    /// The delivery events, oldest first.
    timeline: Vec<DeliveryEvent>,
}

/// A delivery attempt, an action of an administrator, or a report to the sender of the envelope.
#[derive(Serialize, ToSchema)]
struct DeliveryEvent {
    #[schema(format = DateTime)]
    at: String,
    kind: EventKind,
    /// The relay of an attempt, as host and port; the account of an action; empty for a report.
    #[schema(example = "smtp-b.example.org:587")]
    by: String,
    /// The name of the relay of an attempt. Null for actions, and for attempts that are older than this field.
    /// Other accounts than administrators see their own relay or that of the organisation, without its name.
    #[schema(example = "smtp-b")]
    relay: Option<String>,
    /// The reason of the choice: `own relay`, `first`, `rule` with the From domain,
    /// `it may have arrived there`, `failover` or `limit` with the relays before it and why they took no mail;
    /// several are joined by `; `. For accounts that are not administrators it is `own relay`,
    /// `no own relay`, `it may have arrived there`, or the reason why their own took none. Null if `relay` is
    /// null.
    #[schema(example = "failover: smtp-a backs off since 2026-11-20T05:09:12Z")]
    reason: Option<String>,
    /// The relay's reply, or the observed failure; for a report, its Message-ID, or the reason why none
    /// was sent.
    #[schema(example = "250 2.0.0 Ok: queued as 4bT1Zy2sXz")]
    reply: String,
    /// The duration of the attempt in milliseconds.
    #[schema(example = 840)]
    milliseconds: Option<i64>,
    /// Whether the relay received the whole mail and its reply was lost.
    may_have_arrived: bool,
}

impl From<MessageView> for Message {
    fn from(message: MessageView) -> Self {
        Self {
            id: message.id,
            accepted: message.accepted.rfc3339(),
            by: message.by,
            from: message.from,
            subject: message.subject,
            priority: message.priority,
            message_id: message.message_id,
            size: message.size,
            kept: message.kept,
            recipients: message.recipients.into_iter().map(Into::into).collect(),
            waits_for: message.waits_for.into_iter().map(Into::into).collect(),
            open_tracking: message.opens.map(Into::into),
        }
    }
}

impl From<outbox::MessageOpens> for MessageOpens {
    fn from(opens: outbox::MessageOpens) -> Self {
        Self {
            opens: opens.opens,
            first_opened_at: opens.first.map(Timestamp::rfc3339),
            last_opened_at: opens.last.map(Timestamp::rfc3339),
        }
    }
}

impl From<outbox::UnavailableRelay> for UnavailableRelay {
    fn from(relay: outbox::UnavailableRelay) -> Self {
        Self {
            relay: relay.name,
            failure: relay.backoff.failure,
            since: relay.backoff.since.rfc3339(),
            next_attempt: relay.backoff.next.rfc3339(),
        }
    }
}

impl From<RecipientView> for MessageRecipient {
    fn from(row: RecipientView) -> Self {
        Self {
            recipient: row.position,
            reply: row.last_reply().map(str::to_owned),
            address: row.address,
            state: row.state,
            leased: row.leased,
            attempts: row.attempts,
            next_attempt: row.due.map(Timestamp::rfc3339),
            timeline: row.timeline.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<outbox::DeliveryEvent> for DeliveryEvent {
    fn from(event: outbox::DeliveryEvent) -> Self {
        Self {
            at: event.at.rfc3339(),
            kind: event.kind,
            by: event.by,
            reason: event.choice.as_ref().map(ToString::to_string),
            relay: event.choice.map(|choice| choice.relay),
            reply: event.reply,
            milliseconds: event.took.map(|took| took.as_millis() as i64),
            may_have_arrived: event.may_have_arrived,
        }
    }
}

/// Read a message
///
/// Returns state, attempts, last reply and history of each recipient.
#[utoipa::path(
    get,
    path = "/api/messages/{id}",
    tag = "Messages",
    params(("id" = String, Path, description = "The id that the submission returned")),
    responses(
        (status = 200, description = "The message", body = Success<Message>),
        Restricted,
        Missing,
        Always,
    )
)]
pub async fn read(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams(id): PathParams<String>,
) -> Result<Success<Message>, Refused> {
    let message = state.postern.outbox().message(&actor, &id).await?;
    Ok(Success::new(message.into()))
}

/// Read the source of a message
///
/// Returns the mail itself, byte for byte as it is sent. For administrators.
#[utoipa::path(
    get,
    path = "/api/messages/{id}/source",
    tag = "Messages",
    params(("id" = String, Path, description = "The message")),
    responses(
        (
            status = 200,
            description = "The mail (RFC 5322)",
            body = String,
            content_type = "message/rfc822"
        ),
        Restricted,
        Missing,
        Always,
    )
)]
pub async fn source(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams(id): PathParams<String>,
) -> Result<Response, Refused> {
    let bytes = state.postern.outbox().message_bytes(&actor, &id).await?;
    let head = [
        (CONTENT_TYPE, "message/rfc822"),
        (CONTENT_DISPOSITION, "attachment; filename=\"mail.eml\""),
    ];
    Ok((head, bytes).into_response())
}
