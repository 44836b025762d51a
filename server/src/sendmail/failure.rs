//! Why the command failed: an exit code of sysexits.h, and a line.

/// A failure of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendmailFailure {
    /// The exit code.
    pub code: u8,
    /// What failed, on one line.
    pub text: String,
}

/// The arguments are not valid.
pub const EX_USAGE: u8 = 64;
/// An address is not valid.
pub const EX_DATAERR: u8 = 65;
/// A recipient does not exist.
pub const EX_NOUSER: u8 = 67;
/// The mail was refused for good.
pub const EX_UNAVAILABLE: u8 = 69;
/// Reading or writing failed.
pub const EX_IOERR: u8 = 74;
/// The mail can be sent later.
pub const EX_TEMPFAIL: u8 = 75;
/// The listener does not speak SMTP.
pub const EX_PROTOCOL: u8 = 76;

impl SendmailFailure {
    pub fn new(code: u8, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { code, text }
    }

    pub fn usage(text: impl Into<String>) -> Self {
        Self::new(EX_USAGE, text)
    }
}
