//! Settings of a relay: forms and their validation, views, revisions, documents and imports.

pub mod document;
pub mod dotenv;
pub mod form;
pub mod import;
pub mod provider;
pub mod relay;
pub mod revision;
pub mod smtp_environment;
mod smtp_settings;
mod view;
pub mod warnings;

pub use smtp_settings::{AuthenticationType, CertificateCheck, ConnectionType, SmtpSettings};
pub use view::{EarlierPassword, PasswordChange, PasswordState, SettingsView, Stamp, Verification};
