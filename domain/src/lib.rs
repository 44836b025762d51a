//! Domain types and validation: settings, SMTP stages, causes, outbox states. No I/O, no clock.
//!
//! The crate also builds for `wasm32`, so the page validates with the code the server uses.
//! Randomness comes in as an argument.

#![warn(missing_docs, clippy::missing_errors_doc)]

pub mod account;
pub mod address;
pub mod audit;
pub mod capability;
pub mod cause;
pub mod certificate;
pub mod dkim;
pub mod domain_check;
pub mod dotenv;
pub mod dsn;
pub mod event;
pub mod fields;
pub mod figures;
pub mod form;
pub mod health;
pub mod home;
pub mod host;
pub mod interface;
pub mod jwe;
pub mod keys;
pub mod label;
pub mod outbox;
pub mod pem;
pub mod policy;
pub mod probe;
pub mod provider;
pub mod rate_window;
pub mod refusal;
pub mod relay;
pub mod reply;
pub mod revision;
pub mod sanitize;
pub mod secret;
pub mod sending_limits;
pub mod settings;
pub mod settings_document;
pub mod settings_import;
pub mod smtp_environment;
pub mod stage;
pub mod timestamp;
pub mod trace;
pub mod transcript;
pub mod view;
pub mod warnings;
pub mod webhook;

pub use address::EmailAddress;
pub use event::Event;
pub use fields::Fields;
pub use form::Form;
pub use host::Host;
pub use label::Label;
pub use policy::OrganisationPolicy;
pub use probe::{ProbeEvent, ProbeReport};
pub use refusal::{Kind, Refusal};
pub use reply::Reply;
pub use secret::SecretString;
pub use sending_limits::{SendingLimits, SendingQuota};
pub use settings::{AuthenticationType, CertificateCheck, ConnectionType, SmtpSettings};
pub use smtp_environment::SmtpEnvironment;
pub use stage::{Failure, Fault, Stage};
pub use timestamp::Timestamp;
pub use trace::Trace;
