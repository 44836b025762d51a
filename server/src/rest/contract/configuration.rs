//! The configuration of the organisation's relay that contract tests save.

use serde_json::{Value, json};

/// The path of the SMTP settings of the organisation's relay.
pub const SETTINGS_PATH: &str = "/api/setup/email_smtp";

/// Settings of a relay that does not exist: nothing listens at port 1.
pub fn settings() -> Value {
    json!({
        "from_address": "alerts@example.org", "smtp_username": "", "smtp_host": "127.0.0.1",
        "smtp_port": 1, "smtp_connection_type": "None", "smtp_authentication_type": "None",
    })
}
