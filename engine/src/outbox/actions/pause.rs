//! The pause of delivery by administrators, and since when delivery runs.

use domain::settings::Stamp;
use domain::{Refusal, Timestamp};

use crate::Actor;
use crate::audit::Action;
use crate::outbox::Outbox;
use crate::outbox::processes::{HEARTBEAT_TIMEOUT, expired_at};
use crate::store::delivery::{pause, workers};
use crate::store::{StoreError, commit};

impl Outbox {
    /// Pauses delivery, or resumes it. Attempts under way end; queued messages stay where they are,
    /// and messages accepted meanwhile are held until they are released.
    ///
    /// # Errors
    /// [`Kind::Forbidden`](domain::Kind::Forbidden) for other actors than administrators.
    pub async fn pause_delivery(&self, actor: &Actor, on: bool) -> Result<(), Refusal> {
        let done = async {
            let at = self.clock.now();
            let stamp = on.then(|| Stamp {
                at,
                by: actor.name().to_owned(),
            });
            let mut work = self.store.begin().await?;
            if pause::write(&mut work, stamp.as_ref()).await? {
                if !on {
                    pause::resumed(&mut work, at).await?;
                }
                let detail = if on { "begun" } else { "ended" };
                self.audit
                    .record(&mut work, actor, Action::PauseDelivery, detail)
                    .await?;
            }
            commit(work).await?;
            self.changed();
            Ok(())
        };
        self.audit
            .administer(actor, Action::PauseDelivery, done)
            .await
    }

    /// Since when delivery runs: it is not paused, and there was always a process that delivers. `None` where
    /// that is not known.
    ///
    /// # Errors
    /// Where the database fails.
    pub(crate) async fn running_since(&self) -> Result<Option<Timestamp>, StoreError> {
        let now = self.clock.now();
        let mut connection = self.store.reporting().await?;
        // Before the end of the last pause: a heartbeat may record it meanwhile.
        let expired = expired_at(&mut connection, now).await?;
        let resumed = pause::last_resumed(&mut connection).await?;
        let live = now - HEARTBEAT_TIMEOUT;
        let delivering = workers::delivering_since(&mut connection, live).await?;
        Ok(delivering.max(resumed).max(expired))
    }
}
