//! The answers of the command socket: `OK`, or the fault as one line.

use domain::Refusal;
use domain::sanitize::is_control_or_format;

/// The longest answer, in octets.
pub const ANSWER_MAX: usize = 1350;

/// The answer to a command that succeeded. Callers take every answer that starts or ends with it for one.
pub const OK: &str = "OK";

/// The texts of a refusal, one after the other.
pub fn text_of(refusal: &Refusal) -> String {
    let texts: Vec<&str> = refusal.fields.values().map(String::as_str).collect();
    texts.join(" ")
}

/// A fault as an answer: one line, cut at a character, that neither starts nor ends with [`OK`].
pub fn of_fault(text: &str) -> String {
    let spaced = |c: char| if c.is_whitespace() { ' ' } else { c };
    let shown = |c: &char| !is_control_or_format(*c);
    let mut line: String = text.chars().map(spaced).filter(shown).collect();
    if line.trim_start().starts_with(OK) || line.trim().is_empty() {
        line.insert_str(0, "Error: ");
    }
    if line.trim_end().ends_with(OK) {
        line = format!("{}.", line.trim_end());
    }
    if line.len() > ANSWER_MAX {
        line.truncate(line.floor_char_boundary(ANSWER_MAX - '…'.len_utf8()));
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use domain::Kind;

    use super::*;

    #[test]
    fn a_fault_is_one_line_of_at_most_1350_octets() {
        let long = "ü".repeat(1000);
        let cut = of_fault(&long);
        assert_eq!(cut, format!("{}…", "ü".repeat(673)));
        assert_eq!(cut.len(), 1349);
        let longest = "a".repeat(1350);
        assert_eq!(of_fault(&longest), longest);
        let cut = format!("{}…", "a".repeat(1347));
        assert_eq!(of_fault(&"a".repeat(1351)), cut);
        assert_eq!(of_fault("one\r\ntwo\u{7}"), "one  two");
    }

    #[test]
    fn a_fault_is_not_taken_for_success() {
        for (text, expected) in [
            ("The relay refused.", "The relay refused."),
            ("OK is no address.", "Error: OK is no address."),
            (" OK", "Error:  OK."),
            ("The relay said OK", "The relay said OK."),
            ("The relay said OK\n", "The relay said OK."),
            ("", "Error: "),
        ] {
            assert_eq!(of_fault(text), expected);
        }
        for text in [
            format!("{}OK and more", "a".repeat(1345)),
            format!("{}OK", "a".repeat(1348)),
        ] {
            let cut = of_fault(&text);
            assert!(!cut.ends_with(OK) && cut.len() <= ANSWER_MAX, "{cut}");
        }
    }

    #[test]
    fn a_refusal_is_its_texts() {
        let mut refusal = Refusal::of(Kind::Invalid, "a", "One.");
        refusal.add("b", "Two.");
        assert_eq!(text_of(&refusal), "One. Two.");
    }
}
