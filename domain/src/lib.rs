//! Domain types and validation: settings, SMTP stages, causes, outbox states. No I/O, no clock.
//!
//! The crate also builds for `wasm32`, so the page validates with the code the server uses.
//! Randomness comes in as an argument.

#![warn(missing_docs, clippy::missing_errors_doc)]

pub mod account;
pub mod audit;
pub mod cause;
mod criterion;
pub mod crypto;
pub mod diagnosis;
pub mod fields;
pub mod figures;
pub mod health;
pub mod home;
pub mod interface;
pub mod label;
pub mod lenient;
pub mod limits;
pub mod mail;
pub mod outbox;
pub mod probe;
pub mod refusal;
pub mod sanitize;
pub mod settings;
pub mod smtp;
pub mod timestamp;
pub mod webhook;

pub use account::policy::OrganisationPolicy;
pub use crypto::secret::SecretString;
pub use diagnosis::event::Event;
pub use diagnosis::trace::Trace;
pub use fields::Fields;
pub use label::Label;
pub use limits::sending::{SendingLimits, SendingQuota};
pub use mail::address::EmailAddress;
pub use mail::host::Host;
pub use probe::{ProbeEvent, ProbeReport};
pub use refusal::{Kind, Refusal};
pub use settings::form::Form;
pub use settings::smtp_environment::SmtpEnvironment;
pub use settings::{AuthenticationType, CertificateCheck, ConnectionType, SmtpSettings};
pub use smtp::reply::Reply;
pub use smtp::stage::{Failure, Fault, Stage};
pub use timestamp::Timestamp;
