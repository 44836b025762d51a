//! The replies that depend on the state of a session.

use super::replies::SmtpReply;

pub const EHLO_FIRST: SmtpReply = SmtpReply::new(503, "5.5.1", "Send EHLO first");
pub const MAIL_FIRST: SmtpReply = SmtpReply::new(503, "5.5.1", "Send MAIL first");
pub const RCPT_FIRST: SmtpReply =
    SmtpReply::new(503, "5.5.1", "No recipient was accepted; send RCPT first");
pub const IN_MAIL: SmtpReply =
    SmtpReply::new(503, "5.5.1", "A mail has begun; send RSET to drop it");
pub const CHUNKS: SmtpReply =
    SmtpReply::new(503, "5.5.1", "A mail that began with BDAT ends with it");
pub const SIGNED_IN: SmtpReply = SmtpReply::new(503, "5.5.1", "This session is signed in already");
pub const HAS_TLS: SmtpReply = SmtpReply::new(503, "5.5.1", "TLS is active already");
pub const NO_TLS: SmtpReply = SmtpReply::new(502, "5.5.1", "STARTTLS is not offered here");
pub const AUTH_AFTER_TLS: SmtpReply =
    SmtpReply::new(538, "5.7.11", "Passwords are taken inside TLS only");
pub const START_TLS_FIRST: SmtpReply =
    SmtpReply::new(530, "5.7.0", "Send STARTTLS, and sign in with AUTH");
pub const SIGN_IN_FIRST: SmtpReply = SmtpReply::new(
    530,
    "5.7.0",
    "Sign in with AUTH: the address of an account, and an API token as the password",
);
pub const NO_CERTIFICATE: SmtpReply = SmtpReply::new(
    530,
    "5.7.0",
    "Programs of other machines sign in inside TLS, and this listener has no certificate; start \
     postern with --submission-cert and --submission-key",
);
/// Refused for now: a server whose relay host this is keeps its mail until the account is there.
pub const NO_LOCAL_ACCOUNT: SmtpReply = SmtpReply::new(
    451,
    "4.3.5",
    "The account of mail without AUTH is unknown or disabled (--local-account, --submit-users); try again \
     later, or sign in with AUTH",
);
pub const NO_RECIPIENT: SmtpReply = SmtpReply::new(550, "5.1.3", "A recipient has an address");
pub const NEEDS_SMTPUTF8: SmtpReply = SmtpReply::new(
    553,
    "5.6.7",
    "This address is not ASCII; name the parameter SMTPUTF8 in MAIL",
);
pub const HELP: SmtpReply = SmtpReply::new(
    214,
    "2.0.0",
    "Commands: EHLO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP QUIT",
);
pub const VRFY: SmtpReply = SmtpReply::new(252, "2.1.5", "Addresses are not verified here");

/// `most`: the maximum number of recipients of a mail.
pub fn too_many_recipients(most: usize) -> SmtpReply {
    let text = format!("A mail has at most {most} recipients; send the others in another one");
    SmtpReply::made(452, "4.5.3", &text)
}
