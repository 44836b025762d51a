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
    fn invisible_characters_are_removed() {
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

    #[test]
    fn ordinary_characters_are_kept() {
        for c in [
            'a', ' ', '\u{200a}', '\u{2010}', '\u{2027}', '\u{202f}', '\u{205f}', '\u{2070}',
        ] {
            assert!(!super::is_control_or_format(c), "{c:?}");
        }
        for c in [
            '\n', '\u{7f}', '\u{200f}', '\u{2028}', '\u{202e}', '\u{2060}', '\u{206f}',
        ] {
            assert!(super::is_control_or_format(c), "{c:?}");
        }
    }
}
