//! The canonicalisation `relaxed` of header fields and bodies (RFC 6376 section 3.4).

use memchr::{memchr, memchr2};

fn is_wsp(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Appends a header field: the name in lower case, the value unfolded and with single spaces. `value` is
/// what stands after the colon, to the end of the last line.
pub fn field(name: &str, value: &[u8], out: &mut Vec<u8>) {
    out.extend(name.bytes().map(|byte| byte.to_ascii_lowercase()));
    out.push(b':');
    let start = out.len();
    let mut is_spaced = false;
    for byte in value {
        match byte {
            b'\r' | b'\n' => {}
            b' ' | b'\t' => is_spaced = out.len() > start,
            other => {
                if is_spaced {
                    out.push(b' ');
                    is_spaced = false;
                }
                out.push(*other);
            }
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes a body in parts: runs of spaces and tabs become one space, those at the end of a line go, and so
/// do empty lines at the end. Lines end with CRLF, the last one may end without.
pub fn body(body: &[u8], mut write: impl FnMut(&[u8])) {
    let mut empty_lines = 0;
    let mut rest = body;
    while !rest.is_empty() {
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        let line = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        let mut line = line.strip_suffix(b"\r").unwrap_or(line);
        while let Some((last, before)) = line.split_last()
            && is_wsp(*last)
        {
            line = before;
        }
        if line.is_empty() {
            empty_lines += 1;
            continue;
        }
        for _ in 0..empty_lines {
            write(b"\r\n");
        }
        empty_lines = 0;
        while let Some(at) = memchr2(b' ', b'\t', line) {
            write(&line[..at]);
            write(b" ");
            let run = line[at..].iter().take_while(|byte| is_wsp(**byte)).count();
            line = &line[at + run..];
        }
        write(line);
        write(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn relaxed_field(name: &str, value: &str) -> String {
        let mut out = Vec::new();
        field(name, value.as_bytes(), &mut out);
        String::from_utf8(out).expect("text")
    }

    fn relaxed_body(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        body(text, |part| out.extend_from_slice(part));
        out
    }

    #[test]
    fn fields_are_unfolded() {
        // The first two are the example of RFC 6376 section 3.4.5, without the space before a colon, which is
        // refused when a message is accepted.
        for (name, value, expected) in [
            ("A", " X\r\n", "a:X\r\n"),
            ("B", " Y\t\r\n\tZ  \r\n", "b:Y Z\r\n"),
            (
                "Subject",
                "\r\n folded\r\n  twice\r\n",
                "subject:folded twice\r\n",
            ),
            ("X-Empty", "", "x-empty:\r\n"),
            ("X-Blank", " \t\r\n", "x-blank:\r\n"),
        ] {
            assert_eq!(relaxed_field(name, value), expected);
        }
    }

    #[test]
    fn bodies_lose_spaces_and_empty_lines_at_the_end() {
        for (text, expected) in [
            // The example of RFC 6376 section 3.4.5.
            (" C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n"),
            ("", ""),
            ("\r\n\r\n", ""),
            (" \t\r\n \r\n", ""),
            ("a", "a\r\n"),
            ("a\r\n\r\nb", "a\r\n\r\nb\r\n"),
            ("\r\n \r\na  b\t", "\r\n\r\na b\r\n"),
            ("a\r\n\t\r\n", "a\r\n"),
        ] {
            let relaxed = relaxed_body(text.as_bytes());
            assert_eq!(String::from_utf8_lossy(&relaxed), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn canonical_bodies_stay_as_they_are(text in "([ \ta-c]{0,6}\r\n){0,6}[ \ta-c]{0,4}") {
            let once = relaxed_body(text.as_bytes());
            prop_assert_eq!(&relaxed_body(&once), &once);
            prop_assert!(!once.ends_with(b"\r\n\r\n") && once != b"\r\n");
            let words = |text: &str| text.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&String::from_utf8_lossy(&once)), words(&text));
        }

        #[test]
        fn folding_and_spaces_do_not_change_a_field(words in proptest::collection::vec("[!-~]{1,5}", 0..6), fold in "( |\t|\r\n |\r\n\t){1,3}") {
            let (plain, folded) = (words.join(" "), words.join(&fold));
            let folded = format!("{fold}{folded}{fold}\r\n");
            prop_assert_eq!(relaxed_field("SUBJECT", &folded), format!("subject:{plain}\r\n"));
        }
    }
}
