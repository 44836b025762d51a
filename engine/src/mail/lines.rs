//! The lines of raw messages: checks of octets, line ends and lengths, and what is repaired.

use memchr::{memchr, memchr_iter, memchr2_iter};

use super::mime::LINE;
use super::submission::{LARGEST, TOO_LARGE};

/// What is repaired in the lines of a message. All else that a mail cannot contain is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Nothing: a CR or LF alone is a fault, as RFC 5321 section 2.3.8 has it.
    None,
    /// A CR or LF alone becomes CRLF.
    LineEnds,
    /// As [`Repair::LineEnds`], and lines of more than 998 octets are folded.
    LineEndsAndLength,
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
pub(super) fn repaired(raw: Vec<u8>, repair: Repair) -> Result<Vec<u8>, String> {
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
        (Repair::LineEnds | Repair::LineEndsAndLength, Some(_)) => with_crlf(&raw),
    };
    match (repair, check_lengths(&lines)) {
        (_, Ok(())) => Ok(lines),
        (Repair::LineEndsAndLength, Err(_)) => Ok(folded(&lines)),
        (Repair::None | Repair::LineEnds, Err(fault)) => Err(fault),
    }
}

/// # Errors
/// The fault of a message that is too large or has a NUL.
fn check_octets(raw: &[u8]) -> Result<(), String> {
    if raw.len() > LARGEST {
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

/// The message with its long lines folded: before white space where there is some, otherwise with a
/// space added, so that a folded header field keeps its value (RFC 5322 section 2.2.3). Line ends are
/// CRLF.
fn folded(lines: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(lines.len() + lines.len() / 128);
    let mut start = 0;
    for end in memchr_iter(b'\n', lines)
        .map(|at| at + 1)
        .chain([lines.len()])
    {
        let mut rest = &lines[start..end];
        start = end;
        let mut room = LINE;
        while length(rest) > room {
            let (head, tail) = rest.split_at(fold_position(rest, room));
            out.extend_from_slice(head);
            out.extend_from_slice(b"\r\n");
            rest = tail;
            room = LINE;
            if !is_blank(rest[0]) {
                out.push(b' ');
                room -= 1;
            }
        }
        out.extend_from_slice(rest);
    }
    out
}

/// The octets of a line without its CRLF.
fn length(line: &[u8]) -> usize {
    line.strip_suffix(b"\r\n").unwrap_or(line).len()
}

/// Where a line with more than `room` octets is cut: before the last white space behind its first word,
/// otherwise between two characters of UTF-8.
fn fold_position(line: &[u8], room: usize) -> usize {
    let word = line.iter().position(|byte| !is_blank(*byte)).unwrap_or(0);
    let blank = line[..=room].iter().rposition(|byte| is_blank(*byte));
    blank.filter(|at| *at > word).unwrap_or_else(|| {
        let is_inside = |at: &usize| line[*at] & 0xC0 == 0x80;
        let inside = (room - 2..=room).rev().take_while(is_inside).count();
        room - inside
    })
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
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
            for with in [Repair::LineEnds, Repair::LineEndsAndLength] {
                assert_eq!(repair(raw, with).as_deref(), Ok(repaired), "{raw:?}");
            }
        }
        for with in [Repair::None, Repair::LineEnds, Repair::LineEndsAndLength] {
            let text = repair("a\r\n\0", with).expect_err("a NUL");
            assert!(text.starts_with("Line 2 has a NUL"), "{text}");
        }
    }

    #[test]
    fn long_lines_are_folded_only_where_that_is_asked_for() {
        let long = format!("{}\r\n", "x".repeat(999));
        for with in [Repair::None, Repair::LineEnds] {
            let text = repair(&long, with).expect_err("too long");
            assert!(text.starts_with("Line 1 has 999 octets"), "{text}");
        }
        let just = format!("{}\r\n", "x".repeat(998));
        for (raw, expected) in [
            (just.clone(), just),
            (long, format!("{}\r\n x\r\n", "x".repeat(998))),
            // Before the last white space.
            (
                format!("Subject: a {} b\r\nc", "x".repeat(990)),
                format!("Subject: a\r\n {} b\r\nc", "x".repeat(990)),
            ),
            // White space in front of the first word is no place to fold.
            (
                format!("\t{}", "x".repeat(999)),
                format!("\t{}\r\n xx", "x".repeat(997)),
            ),
            // An added space counts.
            (
                "x".repeat(2000),
                format!("{}\r\n {}\r\n xxxxx", "x".repeat(998), "x".repeat(997)),
            ),
            // No character is cut.
            (
                format!("{}\u{1f6aa}", "x".repeat(995)),
                format!("{}\r\n \u{1f6aa}", "x".repeat(995)),
            ),
        ] {
            let folded = repair(&raw, Repair::LineEndsAndLength);
            assert_eq!(folded, Ok(expected));
        }
    }

    proptest! {
        #[test]
        fn repaired_lines_have_only_crlf_and_998_octets(
            words in vec(("[a ü]{0,3}", 0usize..700, "(\r|\n|\r\n| )?"), 0..6),
        ) {
            let texts = words.iter().map(|(word, times, end)| word.repeat(*times) + end);
            let raw: String = texts.collect();
            let text = repair(&raw, Repair::LineEndsAndLength).map_err(TestCaseError::fail)?;
            prop_assert!(bare(text.as_bytes()).is_none());
            prop_assert!(text.split("\r\n").all(|line| line.len() <= LINE));
            // Folding adds spaces and line ends, and removes nothing.
            let without = |text: &str| text.replace(['\r', '\n', ' '], "");
            prop_assert_eq!(without(&text), without(&raw));
        }

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
