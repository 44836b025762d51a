//! The configuration file of schemathesis.

/// The checks. A relay's fault is a documented 502 or 504 of a test mail, and that no mail leaves, which an address
/// cannot be confirmed without, a documented 503.
const CHECKS: &str = r#"hooks = "hooks.py"
warnings = false
continue-on-failure = true
# A diagnosis or test may take 60 s.
request-timeout = 90

[checks]
enabled = false
not_a_server_error.enabled = true
status_code_conformance.enabled = true
content_type_conformance.enabled = true
response_schema_conformance.enabled = true
json_lines_conformance.enabled = true

[[operations]]
include-path = "/api/setup/email_test/{address}"
checks.not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 502, 504]

[[operations]]
include-path = "/api/relays/{id}/email_test/{address}"
checks.not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 502, 504]

[[operations]]
include-path = "/api/smtp/test"
checks.not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 502, 504]

[[operations]]
include-path = "/api/senders"
checks.not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 503]
"#;

/// Parameters and the dictionary that most of their values are from: few random settings and mails
/// are valid.
const BINDINGS: [(&str, &str); 15] = [
    ("body.address", "addresses"),
    ("body.bcc", "addresses"),
    ("body.cc", "addresses"),
    ("body.data.from_address", "addresses"),
    ("body.data.smtp_authentication_type", "authentication"),
    ("body.data.smtp_connection_type", "connection"),
    ("body.data.smtp_host", "hosts"),
    ("body.data.smtp_port", "ports"),
    ("body.data.smtp_username", "users"),
    ("body.from", "addresses"),
    ("body.host", "hosts"),
    ("body.port", "ports"),
    ("body.reply_to", "addresses"),
    ("body.to", "addresses"),
    ("path.address", "addresses"),
];

/// Recipients that the relay accepts, refuses and defers.
pub const RECIPIENTS: [&str; 4] = ["desk@example.org", "dük@example.org", UNKNOWN, DEFERRED];
/// The recipient that the relay refuses as unknown.
pub const UNKNOWN: &str = "unknown@example.org";
/// The recipient that the relay defers.
pub const DEFERRED: &str = "deferred@example.org";

/// The text of `schemathesis.toml`, with the port of the relay.
pub fn text(relay: u16, seed: u64, examples: usize) -> String {
    let relay = relay.to_string();
    let dictionaries: [(&str, &[&str]); 6] = [
        ("addresses", &RECIPIENTS),
        ("authentication", &["None", "None", "Plain", "Cram_MD5"]),
        ("connection", &["None", "None", "SSL", "TLS"]),
        ("hosts", &["127.0.0.1", "localhost", "::1"]),
        ("ports", &[&relay, &relay, "1"]),
        ("users", &["", "postern"]),
    ];
    let mut text = format!("seed = {seed}\n{CHECKS}\n[generation]\nmax-examples = {examples}\n");
    text.push_str("with-security-parameters = false\n\n[dictionaries]\n");
    for (name, values) in dictionaries {
        text.push_str(&format!("{name}.values = {values:?}\n"));
    }
    text.push_str("\n[parameters]\n");
    for (name, dictionary) in BINDINGS {
        text.push_str(&format!(
            "{name:?} = {{ dictionary = {dictionary:?}, probability = 0.9 }}\n"
        ));
    }
    text
}
