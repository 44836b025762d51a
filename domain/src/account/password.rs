//! The permitted length of the password of an account.

use std::ops::RangeInclusive;

/// The permitted length, in characters.
pub const PASSWORD_LENGTH: RangeInclusive<usize> = 12..=128;

/// The permitted length in words: `12 to 128 characters`.
pub fn password_rule() -> String {
    let (min, max) = PASSWORD_LENGTH.into_inner();
    format!("{min} to {max} characters")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_names_both_ends() {
        assert_eq!(password_rule(), "12 to 128 characters");
    }
}
