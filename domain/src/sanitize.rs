//! Sanitising untrusted text for display.

/// Removes control and format characters and truncates to `most` characters.
pub fn printable(text: &str, most: usize) -> String {
    truncate(
        text.chars().filter(|c| !is_control_or_format(*c)).collect(),
        most,
    )
}

/// Truncates to `most` characters and marks the cut with `…`.
pub fn truncate(mut text: String, most: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Whether `c` is a control, zero-width or bidirectional formatting character. Such characters make
/// one text look like another.
pub fn is_control_or_format(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn only_what_is_read_is_left() {
        for (text, most, expected) in [
            ("plain ünï 🚪", 99, "plain ünï 🚪"),
            ("\u{1b}[31mred\u{7}\u{0}", 99, "[31mred"),
            ("a\u{202e}b\u{200b}c\u{feff}", 99, "abc"),
            ("abc", 3, "abc"),
            ("abcd", 3, "abc…"),
        ] {
            assert_eq!(printable(text, most), expected);
        }
    }
}
