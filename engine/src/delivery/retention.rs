//! Forgetting what was kept long enough: the bytes of mail some days after its last delivery, later
//! its rows. Mail that waits, for a relay or for a person, is never forgotten.

use std::time::Duration;

use super::writer::KEY_KEPT;
use crate::Postern;
use crate::store::{StoreError, commit, idempotency, retention};

/// How often it is looked for what is old.
const EVERY: Duration = Duration::from_secs(3600);

/// How long things are kept after they are done.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// The bytes of a mail.
    pub bodies: Duration,
    /// What is known of it besides.
    pub rows: Duration,
}

impl Retention {
    /// Forgets, for as long as it is polled.
    pub(super) async fn keep(&self, postern: &Postern) {
        loop {
            if let Err(error) = self.forget(postern).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "what is old cannot be forgotten"
                );
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Forgets what is old now.
    pub async fn forget(&self, postern: &Postern) -> Result<(), StoreError> {
        let now = postern.now();
        for (age, rows_too) in [(self.bodies, false), (self.rows, true)] {
            let before = now - age;
            let mut from = Some(String::new());
            while let Some(begin) = from {
                let (ids, next) = {
                    let mut connection = postern.store().read().await?;
                    retention::done_before(&mut connection, !rows_too, &begin, before).await?
                };
                // What is done stays so: nothing can happen to it in between.
                if !ids.is_empty() {
                    let mut work = postern.store().begin().await?;
                    retention::forget(&mut work, &ids, rows_too).await?;
                    commit(work).await?;
                }
                from = next;
            }
        }
        let mut work = postern.store().begin().await?;
        idempotency::forget_all_old(&mut work, now.0 - KEY_KEPT).await?;
        commit(work).await
    }
}
