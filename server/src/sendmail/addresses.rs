//! Addresses of a header field or an argument (RFC 5322 section 3.4), and where they are in it.

use std::ops::Range;

/// An address of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedAddress {
    /// The address as it is written, without comments, brackets and source route; not validated.
    pub text: String,
    /// Where its domain belongs, where it has none.
    pub domain_at: Option<usize>,
}

/// The addresses of a list, those of groups among them. Of what is not valid everything is kept, so that
/// it is refused where addresses are validated.
pub fn parse(value: &[u8]) -> Vec<ListedAddress> {
    let mut list = Vec::new();
    let mut entry = Entry::default();
    let mut at = 0;
    while let Some(byte) = value.get(at) {
        let end = match byte {
            b'(' => end_of_comment(value, at),
            b'"' => end_of(value, at, b'"'),
            b'[' => end_of(value, at, b']'),
            b'<' => end_of(value, at, b'>'),
            _ => at + 1,
        };
        match byte {
            b'(' => entry.is_open = false,
            b'<' => {
                let is_closed = end > at + 1 && value[end - 1] == b'>';
                let inner = at + 1..if is_closed { end - 1 } else { end };
                entry.inner = Some(inner);
            }
            b',' | b';' => list.extend(std::mem::take(&mut entry).finish(value)),
            // What came before is the name of a group.
            b':' => entry = Entry::default(),
            byte if byte.is_ascii_whitespace() => entry.is_open = false,
            _ => entry.push(at..end),
        }
        at = end;
    }
    list.extend(entry.finish(value));
    list
}

/// The value with `@` and `domain` at each address that has no domain; `None` where each has one.
pub fn qualify(value: &[u8], domain: &str) -> Option<Vec<u8>> {
    let listed = parse(value);
    let mut qualified = value.to_vec();
    let places = listed.iter().filter_map(|address| address.domain_at);
    let mut is_changed = false;
    for at in places.rev() {
        let inserted = [b"@".as_slice(), domain.as_bytes()].concat();
        drop(qualified.splice(at..at, inserted));
        is_changed = true;
    }
    is_changed.then_some(qualified)
}

/// A mailbox as far as it was read.
#[derive(Default)]
struct Entry {
    /// Words outside brackets: a display name, or an address.
    words: Vec<Range<usize>>,
    /// Whether the next octet belongs to the last word.
    is_open: bool,
    /// What is between `<` and `>`.
    inner: Option<Range<usize>>,
}

impl Entry {
    fn push(&mut self, word: Range<usize>) {
        match self.words.last_mut() {
            Some(last) if self.is_open => last.end = word.end,
            _ => self.words.push(word),
        }
        self.is_open = true;
    }

    fn finish(self, value: &[u8]) -> Option<ListedAddress> {
        let words = match self.inner {
            Some(inner) => words(value, inner),
            None => self.words,
        };
        let last = words.last()?;
        let is_local = words.len() == 1 && !has_at(&value[last.clone()]);
        let domain_at = is_local.then_some(last.end);
        let is_spread = words.iter().any(|word| has_at(&value[word.clone()]));
        let parts: Vec<_> = words
            .iter()
            .map(|word| String::from_utf8_lossy(&value[word.clone()]))
            .collect();
        // White space is allowed around the @ and the dots of an address.
        let text = parts.join(if is_spread { "" } else { " " });
        Some(ListedAddress { text, domain_at })
    }
}

/// The words between brackets, without comments and the source route (RFC 5322 section 4.4).
fn words(value: &[u8], inner: Range<usize>) -> Vec<Range<usize>> {
    let mut entry = Entry::default();
    let mut at = inner.start;
    while at < inner.end {
        let end = match value[at] {
            b'(' => end_of_comment(value, at),
            b'"' => end_of(value, at, b'"'),
            b'[' => end_of(value, at, b']'),
            _ => at + 1,
        };
        let end = end.min(inner.end);
        match value[at] {
            b'(' => entry.is_open = false,
            b':' => entry = Entry::default(),
            byte if byte.is_ascii_whitespace() => entry.is_open = false,
            _ => entry.push(at..end),
        }
        at = end;
    }
    entry.words
}

/// Whether an address has an `@` outside quoted strings.
fn has_at(text: &[u8]) -> bool {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at = match byte {
            b'@' => return true,
            b'"' => end_of(text, at, b'"'),
            _ => at + 1,
        };
    }
    false
}

/// The end of what begins at `at` with a delimiter, behind `last`; that of the value where it is not closed.
/// Quoted strings between brackets are skipped.
fn end_of(value: &[u8], at: usize, last: u8) -> usize {
    let mut next = at + 1;
    while let Some(byte) = value.get(next) {
        next = match *byte {
            b'\\' => next + 2,
            byte if byte == last => return next + 1,
            b'"' => end_of(value, next, b'"'),
            _ => next + 1,
        };
    }
    value.len()
}

/// The end of a comment, which may have others in it.
fn end_of_comment(value: &[u8], at: usize) -> usize {
    let (mut next, mut depth) = (at, 0);
    while let Some(byte) = value.get(next) {
        next += 1;
        match byte {
            b'\\' => next += 1,
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return next;
        }
    }
    value.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_every_form() {
        for (value, expected) in [
            (" ann@example.org", vec!["ann@example.org"]),
            (
                "Ann <ann@example.org>, bob@example.org",
                vec!["ann@example.org", "bob@example.org"],
            ),
            ("\"Lee, Ann\" <ann@example.org>", vec!["ann@example.org"]),
            (
                "ann@example.org (Ann, of (the) desk)",
                vec!["ann@example.org"],
            ),
            (
                "(one) ann (two) @ (three) example . org",
                vec!["ann@example.org"],
            ),
            ("\"a b\"@example.org", vec!["\"a b\"@example.org"]),
            ("<\"a>b,c\"@example.org>", vec!["\"a>b,c\"@example.org"]),
            (
                "<@one.example,@two.example:ann@example.org>",
                vec!["ann@example.org"],
            ),
            ("ann@[192.0.2.1]", vec!["ann@[192.0.2.1]"]),
            (
                "Desk: ann@example.org, Bob <bob@example.org>;, c@example.org",
                vec!["ann@example.org", "bob@example.org", "c@example.org"],
            ),
            ("undisclosed-recipients:;", vec![]),
            ("", vec![]),
            (" , ,", vec![]),
            ("<>", vec![]),
            ("root (Cron Daemon)", vec!["root"]),
            ("Ann Lee", vec!["Ann Lee"]),
            (
                "ann@example.org\r\n\t,bob@example.org",
                vec!["ann@example.org", "bob@example.org"],
            ),
            ("Ünï <ünï@example.org>", vec!["ünï@example.org"]),
            ("Ann <ann@example.org", vec!["ann@example.org"]),
            ("\"ann@example.org", vec!["\"ann@example.org"]),
            ("(ann@example.org", vec![]),
        ] {
            let found = parse(value.as_bytes())
                .into_iter()
                .map(|address| address.text);
            assert_eq!(found.collect::<Vec<_>>(), expected, "{value}");
        }
    }

    #[test]
    fn addresses_without_a_domain_get_one() {
        for (value, expected) in [
            (
                " root (Cron Daemon)",
                Some(" root@host.example (Cron Daemon)"),
            ),
            ("root", Some("root@host.example")),
            (
                "Root <root>, ann@example.org, bob",
                Some("Root <root@host.example>, ann@example.org, bob@host.example"),
            ),
            ("< root >", Some("< root@host.example >")),
            ("\"a@b\"", Some("\"a@b\"@host.example")),
            (
                "Desk: ann, bob;",
                Some("Desk: ann@host.example, bob@host.example;"),
            ),
            ("ann@example.org", None),
            ("Ann Lee", None),
            ("<>", None),
            ("", None),
        ] {
            let qualified = qualify(value.as_bytes(), "host.example");
            assert_eq!(qualified.as_deref(), expected.map(str::as_bytes), "{value}");
        }
    }

    #[test]
    fn no_input_makes_it_read_beyond_its_end() {
        let octets = b"a@<>\"\\()[]:;, .\r\n\xff";
        let mut seed = 1_u32;
        for _ in 0..20_000 {
            let mut value = Vec::new();
            for _ in 0..12 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                value.push(octets[(seed >> 16) as usize % octets.len()]);
            }
            for address in parse(&value) {
                assert!(address.domain_at.is_none_or(|at| at <= value.len()));
            }
            let _ = qualify(&value, "host.example");
        }
    }
}
