//! How far a pass over the sealed values has come.

use tokio::time::Instant;

use crate::store::keys::sealed_columns::SealedRowKey;

/// A pass over all sealed values.
#[derive(Default)]
pub struct ResealPass {
    /// The key that seals in this pass.
    pub kid: String,
    /// The column, by its place in [`SEALED_COLUMNS`](crate::store::keys::sealed_columns::SEALED_COLUMNS).
    pub column: usize,
    /// The last row of the column that was read.
    pub after: SealedRowKey,
    /// When the pass ended.
    pub ended_at: Option<Instant>,
}

impl ResealPass {
    /// The beginning of a pass.
    pub fn of(kid: String) -> Self {
        Self {
            kid,
            ..Self::default()
        }
    }
}
