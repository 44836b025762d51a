//! Interfaces: where programs reach this Postern, and the settings that applications need.

mod endpoint;
mod examples;
mod format;
mod page;
mod relayhost;
mod smtp_settings;

pub use page::InterfacesPage;

/// The page.
pub const INTERFACES: &str = "/interfaces";
