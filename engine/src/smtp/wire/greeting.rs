//! The part of a greeting that names the software: the same at every connection to a relay.

/// The longest software name that is kept, in characters.
const LONGEST: usize = 200;

/// The days that begin the time of day in a greeting (RFC 5322 section 3.3).
const DAYS: [&str; 7] = ["mon,", "tue,", "wed,", "thu,", "fri,", "sat,", "sun,"];

/// The software that a greeting names, given its text without the code: without the host name,
/// which differs within a cluster, the time of day, and words with digits that are no version, such
/// as the id of a session. Lower case.
pub fn software(greeting: &str) -> String {
    let is_version = |word: &str| {
        word.trim_matches(['(', ')', '[', ']', ';', ',', 'v'])
            .chars()
            .all(|c| c.is_ascii_digit() || c == '.')
    };
    let has_digit = |word: &str| word.contains(|c: char| c.is_ascii_digit());
    let words: Vec<String> = greeting
        .split_whitespace()
        .skip(1)
        .map(str::to_lowercase)
        .take_while(|word| !DAYS.contains(&word.as_str()))
        .filter(|word| !has_digit(word) || is_version(word))
        .collect();
    words.join(" ").chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::software;

    #[test]
    fn what_differs_between_connections_is_left_out() {
        for (greeting, expected) in [
            (
                "mail.example.org ESMTP Postfix (Debian/GNU)",
                "esmtp postfix (debian/gnu)",
            ),
            (
                "mail.example.org ESMTP Exim 4.96 Sun, 29 Nov 2026 10:00:00 +0000",
                "esmtp exim 4.96",
            ),
            (
                "mx.google.com ESMTP d9443c01a7336-2a5si12345.0 - gsmtp",
                "esmtp - gsmtp",
            ),
            (
                "AM0PR01.mail.protection.outlook.com Microsoft ESMTP MAIL Service ready at Sun, 29 Nov",
                "microsoft esmtp mail service ready at",
            ),
            ("relay", ""),
            ("", ""),
        ] {
            assert_eq!(software(greeting), expected, "{greeting}");
        }
        assert_eq!(
            software(&format!("relay {}", "ü".repeat(500)))
                .chars()
                .count(),
            200
        );
    }
}
