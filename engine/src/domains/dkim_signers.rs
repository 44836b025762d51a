//! The DKIM keys that sign accepted messages, reports and test mails, read again after a change.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::mail::{DKIM_SCOPE, DkimSigner, DkimSigners};
use crate::store::keys::dkim;
use crate::store::{Connection, StoreError};
use crate::vault::Vault;

/// The active keys, as of a version of the routing.
#[derive(Clone)]
struct VersionedSigners {
    version: i64,
    signers: Arc<DkimSigners>,
}

/// The active keys that were read last. Every change of them raises the version of the routing.
pub(crate) struct LastDkimSigners {
    vault: Arc<Vault>,
    last: Mutex<Option<VersionedSigners>>,
}

impl LastDkimSigners {
    /// Reads keys when they are needed. `vault` unseals them.
    pub fn new(vault: Arc<Vault>) -> Self {
        Self {
            vault,
            last: Mutex::default(),
        }
    }

    /// The active keys of all domains. `version` is that of the routing, read before on this connection.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn read(
        &self,
        connection: &mut Connection,
        version: i64,
    ) -> Result<Arc<DkimSigners>, StoreError> {
        let last = self.last.lock().clone();
        if let Some(last) = last.filter(|last| last.version == version) {
            return Ok(last.signers);
        }
        let signers = Arc::new(read(connection, &self.vault).await?);
        *self.last.lock() = Some(VersionedSigners {
            version,
            signers: signers.clone(),
        });
        Ok(signers)
    }
}

/// Reads the active keys of all domains. One that cannot be used is logged, and signs nothing.
///
/// # Errors
/// Where the database fails.
async fn read(connection: &mut Connection, vault: &Vault) -> Result<DkimSigners, StoreError> {
    let mut signers = DkimSigners::default();
    for row in dkim::active(connection).await? {
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
