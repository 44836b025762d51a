//! Command lines: a command without CR, LF or NUL, and its CRLF.

use super::error::WireError;

/// Appends a command, given in parts, and its line end to `lines`.
///
/// # Errors
/// [`WireError::LineBreak`] where a part contains CR, LF or NUL, with which it could begin another
/// command.
pub(crate) fn push_line(lines: &mut Vec<u8>, command: &[&str]) -> Result<(), WireError> {
    for part in command {
        if memchr::memchr3(b'\r', b'\n', 0, part.as_bytes()).is_some() {
            return Err(WireError::LineBreak);
        }
        lines.extend_from_slice(part.as_bytes());
    }
    lines.extend_from_slice(b"\r\n");
    Ok(())
}
