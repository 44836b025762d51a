//! Limits on the text that a certificate contributes to what is shown.

use domain::sanitize::{printable, truncate};

/// The maximum length of one value of a certificate, in characters.
pub(super) const TEXT_MAX: usize = 200;

/// A value of the certificate, which its issuer chose, without control characters and cut to
/// [`TEXT_MAX`].
pub(super) fn shown(text: &str) -> String {
    printable(text, TEXT_MAX)
}

/// Cuts a text that is already escaped to [`TEXT_MAX`].
pub(super) fn cut(text: String) -> String {
    truncate(text, TEXT_MAX)
}
