//! Checks key files against the keys that the database is sealed with, without changing anything.

use std::path::Path;

use super::error::VaultError;
use super::{files, is_it};
use crate::store::keys::SealingKey;

/// Checks that every key that is not retired is in the folder, and returns the number of keys there.
///
/// # Errors
/// As for [`super::Vault::open`].
pub fn check(folder: &Path, in_use: &[SealingKey]) -> Result<usize, VaultError> {
    let keys = files::read(folder)?;
    for known in in_use.iter().filter(|known| known.retired_at.is_none()) {
        let found = keys.get(&known.kid).ok_or_else(|| VaultError::Lost {
            folder: folder.to_owned(),
            kid: known.kid.clone(),
        })?;
        if !is_it(known, found) {
            return Err(VaultError::Damaged(files::path(folder, &known.kid)));
        }
    }
    Ok(keys.len())
}
