//! The lines of raw messages: checks of octets, line ends and lengths, and what is repaired.

use memchr::{memchr, memchr_iter, memchr2_iter};

use super::mime::LINE;
use crate::mail::submission::{MAIL_MAX, TOO_LARGE};

/// What is repaired in the lines of a message. All else that a mail cannot contain is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Nothing: a CR or LF alone is a fault, as RFC 5321 section 2.3.8 has it.
    None,
    /// A CR or LF alone becomes CRLF.
    LineEnds,
}

/// Checks a message of which all lines end with CRLF, or all with LF, and converts line ends to CRLF.
///
/// # Errors
/// The fault, as a sentence: no octets or too many, NUL, mixed line ends, a line that is too long.
pub(super) fn checked(raw: Vec<u8>) -> Result<Vec<u8>, String> {
    if raw.is_empty() {
        return Err("This is empty; send a complete mail, beginning with its header.".to_owned());
    }
    check_octets(&raw)?;
    let ends_with_lf = memchr(b'\r', &raw).is_none();
    if let Some(at) = stray(&raw) {
        return Err(format!(
            "Line {} has a {} alone; end all lines with CRLF, or all with LF.",
            line(&raw, at),
            name(raw[at])
        ));
    }
    check_lengths(&raw)?;
    Ok(match ends_with_lf {
        true => with_crlf(&raw),
        false => raw,
    })
}

/// Checks a message whose lines end with CRLF, after `repair`.
///
/// # Errors
/// The fault, as a sentence: too many octets, NUL, a CR or LF alone, a line that is too long.
pub(in crate::mail) fn repaired(raw: Vec<u8>, repair: Repair) -> Result<Vec<u8>, String> {
    check_octets(&raw)?;
    let lines = match (repair, bare(&raw)) {
        (_, None) => raw,
        (Repair::None, Some(at)) => {
            return Err(format!(
                "Line {} has a {} alone; end all lines with CRLF.",
                line(&raw, at),
                name(raw[at])
            ));
        }
        (Repair::LineEnds, Some(_)) => with_crlf(&raw),
    };
    check_lengths(&lines)?;
    Ok(lines)
}

/// # Errors
/// The fault of a message that is too large or has a NUL.
fn check_octets(raw: &[u8]) -> Result<(), String> {
    if raw.len() > MAIL_MAX {
        return Err(TOO_LARGE.to_owned());
    }
    match memchr(0, raw) {
        None => Ok(()),
        Some(at) => Err(format!(
            "Line {} has a NUL, which a mail cannot contain.",
            line(raw, at)
        )),
    }
}

/// # Errors
/// The fault of the first line that is too long.
fn check_lengths(raw: &[u8]) -> Result<(), String> {
    let mut start = 0;
    let ends = memchr_iter(b'\n', raw).chain([raw.len()]);
    for (index, end) in ends.enumerate() {
        let length = end - start - usize::from(end > start && raw[end - 1] == b'\r');
        if length > LINE {
            return Err(format!(
                "Line {} has {length} octets; a line of a mail has at most {LINE}.",
                index + 1
            ));
        }
        start = end + 1;
    }
    Ok(())
}

/// The number of the line with this octet, counted from 1.
fn line(raw: &[u8], at: usize) -> usize {
    memchr_iter(b'\n', &raw[..at]).count() + 1
}

fn name(octet: u8) -> &'static str {
    match octet {
        b'\r' => "CR",
        _ => "LF",
    }
}

/// The index of the first CR or LF that is not part of a line end. Line ends are CRLF if there is one,
/// otherwise LF.
fn stray(raw: &[u8]) -> Option<usize> {
    let first_cr = memchr(b'\r', raw)?;
    let is_paired = |at: usize| raw.get(at + 1) == Some(&b'\n');
    match memchr_iter(b'\r', raw).any(is_paired) {
        true => bare(raw),
        false => Some(first_cr),
    }
}

/// The index of the first CR or LF that is not part of a CRLF.
fn bare(raw: &[u8]) -> Option<usize> {
    let bare_cr = memchr_iter(b'\r', raw).find(|at| raw.get(at + 1) != Some(&b'\n'));
    let bare_lf = memchr_iter(b'\n', raw).find(|at| *at == 0 || raw[at - 1] != b'\r');
    [bare_cr, bare_lf].into_iter().flatten().min()
}

/// The message with CRLF for each CRLF, CR and LF.
fn with_crlf(raw: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(raw.len() + raw.len() / 32 + 2);
    let mut start = 0;
    for end in memchr2_iter(b'\r', b'\n', raw) {
        // The line that this LF ends has ended with the CR before it.
        let is_ended = raw[end] == b'\n' && end > 0 && raw[end - 1] == b'\r';
        if !is_ended {
            lines.extend_from_slice(&raw[start..end]);
            lines.extend_from_slice(b"\r\n");
        }
        start = end + 1;
    }
    lines.extend_from_slice(&raw[start..]);
    lines
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn repair(raw: &str, repair: Repair) -> Result<String, String> {
        let lines = repaired(raw.as_bytes().to_vec(), repair)?;
        Ok(String::from_utf8(lines).expect("UTF-8"))
    }

    #[test]
    fn bare_line_ends_are_a_fault_or_become_crlf() {
        for (raw, fault, repaired) in [
            ("", None, ""),
            ("a\r\nb", None, "a\r\nb"),
            ("a\nb\n", Some("Line 1 has a LF"), "a\r\nb\r\n"),
            ("a\r\nb\nc\r\n", Some("Line 2 has a LF"), "a\r\nb\r\nc\r\n"),
            ("a\rb", Some("Line 1 has a CR"), "a\r\nb"),
            ("a\r\r\nb", Some("Line 1 has a CR"), "a\r\n\r\nb"),
            ("a\n\rb", Some("Line 1 has a LF"), "a\r\n\r\nb"),
            ("a\n.\nb", Some("Line 1 has a LF"), "a\r\n.\r\nb"),
            ("\n", Some("Line 1 has a LF"), "\r\n"),
            ("a\r", Some("Line 1 has a CR"), "a\r\n"),
        ] {
            match (repair(raw, Repair::None), fault) {
                (Ok(lines), None) => assert_eq!(lines, raw),
                (Err(text), Some(fault)) => assert!(text.starts_with(fault), "{raw:?}: {text}"),
                (found, _) => panic!("{raw:?}: {found:?}"),
            }
            let lines = repair(raw, Repair::LineEnds);
            assert_eq!(lines.as_deref(), Ok(repaired), "{raw:?}");
        }
        for with in [Repair::None, Repair::LineEnds] {
            let text = repair("a\r\n\0", with).expect_err("a NUL");
            assert!(text.starts_with("Line 2 has a NUL"), "{text}");
        }
    }

    #[test]
    fn long_lines_are_a_fault() {
        let line = |octets: usize| format!("a\r\n{}\r\n", "x".repeat(octets));
        for with in [Repair::None, Repair::LineEnds] {
            assert_eq!(repair(&line(998), with), Ok(line(998)));
            let text = repair(&line(999), with).expect_err("too long");
            assert!(text.starts_with("Line 2 has 999 octets"), "{text}");
        }
        // Each line counts as it is after the repair.
        let cut = format!("{0}\r{0}\n{0}", "x".repeat(998));
        let lines = repair(&cut, Repair::LineEnds);
        assert_eq!(lines, Ok(cut.replace(['\r', '\n'], "\r\n")));
    }

    proptest! {
        #[test]
        fn any_bytes_are_repaired_or_refused(
            bytes in vec(prop::sample::select(b"\r\na \xc3\xbc".as_slice()), 0..60),
        ) {
            let unchanged = repaired(bytes.clone(), Repair::None);
            prop_assert_eq!(unchanged.is_ok(), bare(&bytes).is_none());
            if let Ok(unchanged) = unchanged {
                prop_assert_eq!(&unchanged, &bytes);
            }
            let lines = repaired(bytes, Repair::LineEnds).map_err(TestCaseError::fail)?;
            prop_assert!(bare(&lines).is_none());
        }
    }
}
