//! Writes reports to senders in the commit that settles the recipients they are about: each once.

use std::sync::Arc;

use domain::account::Role;
use domain::mail::dsn::MessageDsn;
use domain::outbox::{DeliveryEvent, EventKind, Priority};
use domain::{EmailAddress, SmtpSettings, Timestamp};
use ulid::Ulid;

use super::placement::Placement;
use super::report_rows::{ReportRow, ReportRows};
use super::request::{ControlState, NewMessage};
use crate::domains::LastDkimSigners;
use crate::mail::DkimSigners;
use crate::reports::{Report, ReportedMessage, ReportedRecipient, compose, returns_whole};
use crate::settings::own_relay_senders;
use crate::smtp::to_ascii;
use crate::store::delivery::events::{self, NewEvent};
use crate::store::delivery::suppressions;
use crate::store::messages::flows::{self, Flow, QueueClass, QueueTarget};
use crate::store::messages::{self, MessageRow};
use crate::store::recipients::{self, NewRecipient};
use crate::store::settings::{information, policy};
use crate::store::{Connection, Scope, StoreError, accounts, relays, search};

/// The octets of messages that the reports of a commit return whole. Further ones return the header: what a
/// commit reads and writes must not depend on how many results are in it.
const MOST_RETURNED: i64 = 32 * 1024 * 1024;

/// Where a report comes from, and where it waits.
struct ReportSource {
    settings: SmtpSettings,
    queue: String,
}

/// What all reports of a commit share.
struct CommitContext {
    signers: Arc<DkimSigners>,
    /// Whether delivery is paused.
    paused: bool,
    now: Timestamp,
    /// How many more octets of messages may be returned whole.
    returnable: i64,
}

impl CommitContext {
    /// Whether another message of `size` octets may be returned whole.
    fn takes_whole(&mut self, size: i64) -> bool {
        let takes = size <= self.returnable;
        if takes {
            self.returnable -= size;
        }
        takes
    }
}

/// Writes the reports of these recipients, one for each message, signed with DKIM. Returns those that are
/// sent, without their bytes.
pub(super) async fn write(
    work: &mut Connection,
    rows: ReportRows,
    signers: &LastDkimSigners,
    control: ControlState,
    now: Timestamp,
) -> Result<Vec<NewMessage>, StoreError> {
    let mut sent = Vec::new();
    let unreported = rows.unreported(work).await?;
    if unreported.is_empty() {
        return Ok(sent);
    }
    let mut context = CommitContext {
        signers: signers.read(work, control.version).await?,
        paused: control.paused,
        now,
        returnable: MOST_RETURNED,
    };
    for (id, rows) in unreported {
        sent.extend(report(work, &id, &rows, &mut context).await?);
    }
    Ok(sent)
}

/// Writes the report of a message, with an event for each recipient in it. Returns it if it is sent, without
/// its bytes.
async fn report(
    work: &mut Connection,
    id: &str,
    rows: &[ReportRow],
    context: &mut CommitContext,
) -> Result<Option<NewMessage>, StoreError> {
    let now = context.now;
    let Some(message) = messages::by_id(work, id).await? else {
        return Ok(None);
    };
    let dsn = message.dsn.as_deref().and_then(MessageDsn::from_json);
    // The null sender gets no report, so that none is ever answered by another (RFC 5321 section 4.5.5).
    let Some(dsn) = dsn.filter(|_| !message.sender.is_empty()) else {
        return Ok(None);
    };
    let composed = new_report(work, &message, &dsn, rows, context).await?;
    let text = match &composed {
        Ok(new) => format!(
            "A report was sent to {}: {}",
            message.sender, new.message.message_id
        ),
        Err(obstacle) => format!("No report was sent to {}: {obstacle}", message.sender),
    };
    if let Ok(new) = &composed {
        messages::add(work, &[(&new.message, new.bytes.as_slice())]).await?;
        let placement = Placement::new(None, context.paused, now);
        let recipients: Vec<NewRecipient<'_>> = placement.rows(new).collect();
        recipients::add(work, &recipients).await?;
    }
    let event = DeliveryEvent {
        at: now,
        kind: EventKind::Reported,
        by: String::new(),
        choice: None,
        reply: text,
        took: None,
        may_have_arrived: false,
    };
    let events = rows.iter().map(|row| NewEvent {
        key: row.key.clone(),
        event: event.clone(),
        first_unanswered: false,
    });
    events::add(work, &events.collect::<Vec<_>>()).await?;
    let sent = composed.ok();
    Ok(sent.map(|new| NewMessage {
        bytes: Vec::new(),
        ..new
    }))
}

/// The report to insert, or what stands against it.
async fn new_report(
    work: &mut Connection,
    message: &MessageRow,
    dsn: &MessageDsn,
    rows: &[ReportRow],
    context: &mut CommitContext,
) -> Result<Result<NewMessage, &'static str>, StoreError> {
    let now = context.now;
    let Ok(sender) = message.sender.parse::<EmailAddress>() else {
        return Ok(Err("the address is not valid."));
    };
    if suppressions::contains_address(work, sender.as_str(), now).await? {
        return Ok(Err("the address is on the suppression list."));
    }
    let Some(ReportSource { settings, queue }) = source(work, &message.id).await? else {
        return Ok(Err("no e-mail configuration is saved."));
    };
    let results = rows.iter().map(|row| &*row.result);
    let is_whole = returns_whole(dsn, message.size, results) && context.takes_whole(message.size);
    let bytes = match is_whole {
        true => messages::body(work, &message.id).await?,
        false => messages::beginning(work, &message.id).await?,
    };
    let id = Ulid::from_parts(u64::try_from(now.0).unwrap_or(0), rand::random()).to_string();
    let recipients = rows.iter().filter_map(|row| {
        Some(ReportedRecipient {
            position: usize::try_from(row.key.position).ok()?,
            relay: &row.relay,
            result: &row.result,
            last_attempt: row.last_attempt,
            retry_until: row.retry_until,
        })
    });
    let host = to_ascii(settings.ehlo());
    let composed = compose(&Report {
        id: &id,
        now,
        from: &settings.from_address,
        host: host.as_deref().unwrap_or("localhost"),
        message: ReportedMessage {
            sender: &sender,
            accepted: search::accepted(&message.id),
            subject: &message.subject,
            message_id: &message.message_id,
            dsn,
            bytes: bytes.as_deref().unwrap_or_default(),
            is_whole,
        },
        recipients: recipients.collect(),
    });
    let bytes = context.signers.sign(composed.bytes, now);
    let class = QueueClass {
        queue: queue.into(),
        priority: Priority::Normal,
    };
    let flow = Flow {
        class: class.clone(),
        account: message.account.as_str().into(),
    };
    let flow = flows::id(work, &flow).await?;
    Ok(Ok(NewMessage {
        message: MessageRow {
            id,
            // Its owner sees it; no limit counts it.
            account: message.account.clone(),
            token: None,
            sender: String::new(),
            subject: composed.subject.to_owned(),
            message_id: composed.message_id,
            size: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
            dsn: None,
            webhook: None,
        },
        bytes,
        recipients: vec![sender.as_str().to_owned()],
        class,
        flow,
        open_id: None,
    }))
}

/// Where reports on a message come from: the relay of its account where it waited for that and the account may
/// still use it and its From address, else those of the organisation. `None` where none is configured.
async fn source(
    work: &mut Connection,
    message_id: &str,
) -> Result<Option<ReportSource>, StoreError> {
    let waited = flows::queue_of(work, message_id).await?;
    let own = waited.and_then(|queue| QueueTarget::of(&queue).own);
    let of_account = match own {
        Some(scope) => own_settings(work, scope).await?,
        None => None,
    };
    let own = own.filter(|_| of_account.is_some());
    let settings = match of_account {
        Some(settings) => Some(settings),
        None => settings(work, Scope::Global).await?,
    };
    let Some(settings) = settings else {
        return Ok(None);
    };
    let rules = relays::from_domains(work).await?;
    let domain = to_ascii(settings.from_address.domain());
    let domain = domain.map(|domain| domain.to_ascii_lowercase());
    let rule = domain.filter(|domain| rules.contains(domain));
    let queue = QueueTarget::new(own, rule.as_deref()).queue();
    Ok(Some(ReportSource { settings, queue }))
}

/// The settings of an account's own relay, where accounts may have one, and this one may send from its From
/// address: that was one of the account's when it was saved, and may be taken away since.
async fn own_settings(
    work: &mut Connection,
    scope: Scope,
) -> Result<Option<SmtpSettings>, StoreError> {
    if !policy::read(work).await?.own_relays {
        return Ok(None);
    }
    let account = match scope.account() {
        Some(id) => accounts::by_id(work, &id).await?,
        None => None,
    };
    let (Some(account), Some(settings)) = (account, settings(work, scope).await?) else {
        return Ok(None);
    };
    let is_allowed = account.role == Role::Admin
        || own_relay_senders(work, &account)
            .await?
            .allows(&settings.from_address);
    Ok(is_allowed.then_some(settings))
}

/// The settings of a relay, where they are saved and valid.
async fn settings(work: &mut Connection, scope: Scope) -> Result<Option<SmtpSettings>, StoreError> {
    let saved = information::read(work, scope).await?;
    Ok(saved.and_then(|saved| saved.form.parse().ok()))
}
