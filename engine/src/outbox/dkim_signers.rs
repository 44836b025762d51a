//! The DKIM keys that sign accepted messages, read with the settings of acceptance.

use domain::Timestamp;

use super::service::AcceptanceSettings;
use crate::mail::{ComposedMessage, DKIM_SCOPE, DkimSigner, DkimSigners};
use crate::store::{Connection, StoreError, dkim_keys};
use crate::vault::Vault;

impl AcceptanceSettings {
    /// The message with the signatures of its From domain.
    pub(super) fn signed(&self, message: ComposedMessage, now: Timestamp) -> ComposedMessage {
        ComposedMessage {
            bytes: self.dkim.sign(message.bytes, now),
            ..message
        }
    }
}

/// Reads the active keys of all domains. One that cannot be used is logged, and signs nothing.
///
/// # Errors
/// Where the database fails.
pub(super) async fn read(
    connection: &mut Connection,
    vault: &Vault,
) -> Result<DkimSigners, StoreError> {
    let mut signers = DkimSigners::default();
    for row in dkim_keys::active(connection).await? {
        let key = &row.view;
        let private = vault.unseal(DKIM_SCOPE, &key.id, &row.private_key).ok();
        let signer = private.and_then(|private| {
            DkimSigner::new(&key.domain, &key.selector, key.algorithm, private.expose())
        });
        match signer {
            Some(signer) => signers.add(signer),
            None => tracing::error!(
                domain = key.domain,
                selector = key.selector,
                "a DKIM key cannot be used; remove it and make another one"
            ),
        }
    }
    Ok(signers)
}
