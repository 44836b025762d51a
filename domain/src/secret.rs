//! A text that must not be seen: never serialised, printed or logged, wiped when dropped.

use std::fmt;

use zeroize::Zeroizing;

/// A secret in memory. It has no `Display` and no `Serialize`; `Debug` hides it.
#[derive(Clone)]
pub struct SecretString(Zeroizing<String>);

impl SecretString {
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The secret itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for SecretString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretString(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_secret() {
        assert!(!format!("{:?}", SecretString::new("hunter2")).contains("hunter2"));
    }
}
