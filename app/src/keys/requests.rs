//! The fields of the form that retires a key.

use domain::{Fields, Refusal};

/// The id in the fields of a form that has nothing else.
///
/// # Errors
/// [`domain::Kind::Invalid`] for names that are repeated or unknown.
pub fn sealing_key_id(pairs: &[(String, String)]) -> Result<String, Refusal> {
    Fields::of(pairs).read(|fields| fields.take("id").unwrap_or_default().to_owned())
}
