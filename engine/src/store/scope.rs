//! The scope that settings belong to: what the columns named `scope` hold.

/// Whose settings a row belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every account without settings of its own.
    Global,
}

impl Scope {
    /// As stored. Sealed values are bound to this text, so it never changes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Global => "global",
        }
    }
}
