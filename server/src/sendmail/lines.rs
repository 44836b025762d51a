//! Lines of a mail: any line end begins the next one, and long lines are folded.

/// The longest line, in octets without its end (RFC 5322 section 2.1.1).
const LINE_MAX: usize = 998;

/// The lines of a text without their ends, which are LF, CR, or CR and LF.
#[derive(Clone, Debug)]
pub struct Lines<'t> {
    /// What follows the last line that was returned.
    pub rest: &'t [u8],
}

impl<'t> Iterator for Lines<'t> {
    type Item = &'t [u8];

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let end = self.rest.iter().position(is_end);
        let (line, end) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = match end {
            // Programs that write CR and LF to a file opened as text leave the first.
            [b'\r', b'\r', b'\n', rest @ ..] | [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
            [] => end,
        };
        Some(line)
    }
}

/// Appends a line with CR and LF. One that is too long is cut before white space, or at a character
/// where the next line then begins with a space.
pub fn push(out: &mut Vec<u8>, mut line: &[u8]) {
    let mut is_cut = false;
    loop {
        let width = LINE_MAX - usize::from(is_cut);
        if is_cut {
            out.push(b' ');
        }
        if line.len() <= width {
            out.extend_from_slice(line);
            out.extend_from_slice(b"\r\n");
            return;
        }
        let at = white_space(&line[..=width]);
        is_cut = at.is_none();
        let (part, rest) = line.split_at(at.unwrap_or_else(|| character(line, width)));
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
        line = rest;
    }
}

/// The last white space behind something else.
fn white_space(window: &[u8]) -> Option<usize> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let text = window.iter().position(|byte| !is_blank(byte))?;
    let at = window.iter().rposition(is_blank)?;
    (at > text).then_some(at)
}

/// The greatest position up to `most` that is not within a character of UTF-8.
fn character(line: &[u8], most: usize) -> usize {
    let begins = |at: &usize| line[*at] & 0b1100_0000 != 0b1000_0000;
    (most - 3..=most).rev().find(begins).unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_line_end_ends_a_line() {
        let text = b"one\ntwo\r\nthree\rfour\r\r\nfive\n\nsix\r\r\rseven";
        let lines: Vec<&str> = Lines { rest: text }
            .map(|line| str::from_utf8(line).expect("text"))
            .collect();
        assert_eq!(
            lines,
            [
                "one", "two", "three", "four", "five", "", "six", "", "", "seven"
            ]
        );
        for text in ["", "one", "one\n", "one\r\n", "one\r"] {
            let lines = Lines {
                rest: text.as_bytes(),
            };
            assert_eq!(lines.count(), usize::from(!text.is_empty()), "{text:?}");
        }
    }

    fn folded(line: &str) -> Vec<String> {
        let mut out = Vec::new();
        push(&mut out, line.as_bytes());
        let text = String::from_utf8(out).expect("no character is cut");
        let text = text.strip_suffix("\r\n").expect("its end");
        text.split("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn long_lines_are_folded_before_white_space() {
        for short in [String::new(), "x".repeat(998), " ".repeat(998)] {
            assert_eq!(folded(&short), std::slice::from_ref(&short));
        }
        let words = "word ".repeat(500);
        let lines = folded(&words);
        assert_eq!(lines.concat(), words, "nothing is added");
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.len() <= 998));
    }

    #[test]
    fn a_line_without_white_space_is_cut_at_a_character() {
        for character in ["x", "ü", "€", "🚪"] {
            let long = character.repeat(1000);
            let lines = folded(&long);
            assert!(lines.len() > 1 && lines.iter().all(|line| line.len() <= 998));
            assert!(lines.iter().skip(1).all(|line| line.starts_with(' ')));
            assert_eq!(lines.concat().replace(' ', ""), long);
        }
        // White space alone at the beginning is no place to fold.
        let lines = folded(&format!(" {}", "x".repeat(2000)));
        assert!(lines.len() == 3 && lines.iter().all(|line| line.len() <= 998));
        let mut out = Vec::new();
        push(&mut out, &[0x80; 3000]);
        let longest = Lines { rest: &out }.map(<[u8]>::len).max();
        assert!(longest.is_some_and(|longest| longest <= 998));
    }

    proptest! {
        #[test]
        fn text_becomes_lines_of_998_octets_and_loses_nothing(
            words in vec(("[a ü]{0,3}", 0usize..700, "(\r|\n|\r\n| )?"), 0..6),
        ) {
            let texts = words.iter().map(|(word, times, end)| word.repeat(*times) + end);
            let raw: String = texts.collect();
            let mut out = Vec::new();
            let lines = Lines { rest: raw.as_bytes() };
            for line in lines {
                push(&mut out, line);
            }
            let text = String::from_utf8(out);
            let text = text.map_err(|fault| TestCaseError::fail(fault.to_string()))?;
            prop_assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
            prop_assert!(text.split("\r\n").all(|line| line.len() <= LINE_MAX));
            // Folding adds spaces and line ends, and removes nothing.
            let without = |text: &str| text.replace(['\r', '\n', ' '], "");
            prop_assert_eq!(without(&text), without(&raw));
        }
    }
}
