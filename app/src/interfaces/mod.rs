//! Interfaces: where programs reach this Postern, and the settings that applications need.

mod endpoint;
mod examples;
mod format;
mod page;
mod program;
mod relayhost;
mod sendmail_setup;
mod smtp_settings;

pub use page::InterfacesPage;
pub use program::ProgramFile;

/// The page.
pub const INTERFACES: &str = "/interfaces";
