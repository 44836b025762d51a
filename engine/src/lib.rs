//! The engine: settings, accounts, diagnosis, outbox and delivery. No HTTP, no HTML.
//!
//! [`Postern`] is a struct of services: `settings`, `policy`, `limits`, `accounts`, `account_mail`,
//! `senders`, `diagnosis`, `domains`, `figures`, `health`, `outbox`, `delivery`, `notifications`, `home`,
//! `interfaces`, `readiness`, `audit`, `keys` and `sealing_keys`. The services use `smtp`, `mail`, `reports`
//! and `vault`, and these use `store`, `clock` and `histogram`; never the other way round. `backup` and `inspection` work on
//! a database that no `Postern` has opened.

#![warn(missing_docs, clippy::missing_errors_doc)]

mod account_mail;
mod accounts;
mod actor;
mod audit;
mod backup;
mod clock;
mod delivery;
mod diagnosis;
mod domains;
mod figures;
mod health;
mod histogram;
mod home;
mod inspection;
mod interfaces;
mod keys;
mod limits;
mod mail;
mod notifications;
mod outbox;
mod policy;
mod postern;
mod rate_limit;
mod readiness;
mod reports;
mod senders;
mod settings;
mod shares;
pub mod smtp;
mod store;
mod vault;

pub use account_mail::{AccountMail, INVITATION_PATH, Invited, LinkDelivery, RESET_PATH};
pub use accounts::{
    ADMINISTRATOR_NETWORKS, AccountChange, AccountList, AccountSession, Accounts, AllSessions,
    CONFIRM_LOCKOUT, DEVICE_LIFETIME, FactorChoices, HashCost, Login, NetworksChange, NewToken,
    NewestTokens, SECOND_STEP_LIFETIME, SecondFactorView, TotpSetup, VerifiedFactor,
};
pub use actor::{Actor, Origin};
pub use audit::{
    Action, Audit, AuditAnchor, AuditFault, AuditTampering, AuditVerification, VerifiedChain,
};
pub use backup::{
    BackedUp, BackupError, BackupRequest, MoveRequest, RestoreRequest, Restored, back_up,
    move_to_postgres, restore,
};
pub use clock::Clock;
pub use delivery::{Delivery, DeliveryConfig, DeliveryPulse, Retention};
pub use diagnosis::{Diagnosis, DiagnosisRequest, ProbeRequest, RECIPIENT, TO};
pub use domains::{DkimActivation, Domains};
pub use figures::FigureReader;
pub use health::Health;
pub use histogram::HistogramReading;
pub use home::{Home, HomeView};
pub use inspection::{ClockDifference, DatabaseFindings, Inspection, RelayFindings, inspect_data};
pub use interfaces::{Interfaces, OpenInterface};
pub use keys::{KeyFigures, SealingKeys};
pub use limits::{Limits, OwnLimits};
pub use mail::{
    Attachment, ENVELOPE_RECIPIENTS_MAX, EnvelopeRecipient, EnvelopeSubmission, MAIL_MAX,
    ParsedAttachment, ParsedMessage, Received, Repair, Submission, SubmittedEnvelope,
};
pub use notifications::{
    NewWebhook, Notifications, OWN_RELAY_PATH, RELAYS_PATH, WebhookAttempt, WebhookOutcome,
    WebhookOwner, Webhooks,
};
pub use outbox::{
    Accepted, FeedItem, Idempotency, LiveFeed, MailOutage, Meter, MeterReading, MetricsSnapshot,
    OPEN_IMAGE_PATH, Outbox, OutboxQuery, OutboxView, RelayStatus, Submissions, TimedView,
};
#[cfg(feature = "otel")]
pub use outbox::{MailAttempt, MailSpan, MailSpans, MailStep};
pub use policy::Policy;
pub use postern::{Config, OpenError, Postern};
pub use readiness::{Readiness, ReadinessReport};
pub use senders::{RequestedSender, SENDER_CONFIRMATION_PATH, SenderState, SenderView, Senders};
pub use settings::{AccountRelay, OrganisationRelay, Relays, RoutedRelay, RoutingTable, Settings};
pub use store::Scope;
pub use store::accounts::Account;
pub use store::accounts::passkeys::Passkey;
pub use store::accounts::tokens::{Token, TokenScope};
pub use store::database::inspect::SchemaVersion;
pub use store::transfer::MovedTable;
pub use vault::{BROWSER_KEY_BITS, BrowserKeys, ExportKey, ImportKey, KeyCopies};
