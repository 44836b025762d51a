//! A stranger's words, made fit to be shown.

/// Without what steers instead of being read, and of at most so many characters.
pub fn fit(text: &str, most: usize) -> String {
    let mut fit: String = text.chars().filter(|c| !steers(*c)).collect();
    if let Some((cut, _)) = fit.char_indices().nth(most) {
        fit.truncate(cut);
        fit.push('…');
    }
    fit
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
