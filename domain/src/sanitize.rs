//! A stranger's words, made fit to be shown.

/// Without what steers instead of being read, and of at most so many characters.
pub fn fit(text: &str, most: usize) -> String {
    cut(text.chars().filter(|c| !steers(*c)).collect(), most)
}

/// Of at most so many characters.
pub fn cut(mut text: String, most: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Control characters, and those of no width or of a direction: they make one text look like
/// another.
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn only_what_is_read_is_left() {
        for (text, most, expected) in [
            ("plain ünï 🚪", 99, "plain ünï 🚪"),
            ("\u{1b}[31mred\u{7}\u{0}", 99, "[31mred"),
            ("a\u{202e}b\u{200b}c\u{feff}", 99, "abc"),
            ("abc", 3, "abc"),
            ("abcd", 3, "abc…"),
        ] {
            assert_eq!(fit(text, most), expected);
        }
    }
}
