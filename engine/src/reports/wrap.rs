//! Wraps a text in lines at its spaces.

/// The length at which lines are wrapped, in characters.
const LINE: usize = 76;

/// The words of a text after `first`, in lines of at most 76 characters as far as they have spaces. Further
/// lines begin with `next`.
pub(super) fn wrapped(first: &str, next: &str, text: &str) -> String {
    let mut out = first.to_owned();
    let mut column = first.chars().count();
    let words = text.split_ascii_whitespace();
    for (index, word) in words.enumerate() {
        let length = word.chars().count();
        if index > 0 && column + 1 + length > LINE {
            out.push_str("\r\n");
            out.push_str(next);
            column = next.chars().count();
        } else if index > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_spaces_and_begin_with_a_prefix() {
        let (long, short) = ("x".repeat(70), "y".repeat(5));
        for (text, expected) in [
            ("", "A: ".to_owned()),
            (" one  two ", "A: one two".to_owned()),
            (&format!("one {long}"), format!("A: one\r\n {long}")),
            (&format!("{long} {short}"), format!("A: {long}\r\n {short}")),
            (
                &format!("{long} 12 {short}"),
                format!("A: {long} 12\r\n {short}"),
            ),
        ] {
            assert_eq!(wrapped("A: ", " ", text), expected, "{text}");
        }
        // A word is not divided.
        let word = "z".repeat(200);
        assert_eq!(wrapped("A: ", " ", &word), format!("A: {word}"));
    }
}
