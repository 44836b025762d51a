//! The path of the SMTP settings.

/// The page.
pub const SETTINGS: &str = "/settings/email";
