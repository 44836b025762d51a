//! Case folding for searches in Unicode texts, for which neither database has a function.
//!
//! Columns named `…_folded` hold the folded form of texts that are not ASCII and NULL for all others,
//! so that most rows store nothing: a search compares `COALESCE(x_folded, lower(x))`.

/// The value of a `…_folded` column: `None` for ASCII.
pub fn folded(text: &str) -> Option<String> {
    // Upper case first: it maps ß to SS and final sigma to the other one, as full case folding does.
    let fold = || {
        let upper = text.chars().flat_map(char::to_uppercase);
        upper.flat_map(char::to_lowercase).collect()
    };
    (!text.is_ascii()).then(fold)
}

/// A search text, folded as the columns are.
pub fn fold(text: &str) -> String {
    folded(text).unwrap_or_else(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_differ_in_case_fold_to_one() {
        for (one, other) in [
            ("Fire", "FIRE"),
            ("Störung", "STÖRUNG"),
            ("Straße", "STRASSE"),
            ("ПОЖАР", "пожар"),
            ("ΟΔΟΣ", "οδος"),
        ] {
            assert_eq!(fold(one), fold(other), "{one}");
        }
        assert_eq!(folded("Fire"), None);
        assert_ne!(fold("Störung"), fold("Storung"));
    }
}
