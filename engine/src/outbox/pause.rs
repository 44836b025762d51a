//! The pause of delivery by administrators.

use domain::Refusal;
use domain::view::Stamp;

use super::Outbox;
use crate::Actor;
use crate::audit::Action;
use crate::store::{commit, pause};

impl Outbox {
    /// Pauses delivery, or resumes it. Attempts under way end; queued messages stay where they are,
    /// and messages accepted meanwhile are held until they are released.
    ///
    /// # Errors
    /// [`Kind::Forbidden`](domain::Kind::Forbidden) for other actors than administrators.
    pub async fn pause_delivery(&self, actor: &Actor, on: bool) -> Result<(), Refusal> {
        let done = async {
            let stamp = on.then(|| Stamp {
                at: self.clock.now(),
                by: actor.name().to_owned(),
            });
            let mut work = self.store.begin().await?;
            if pause::write(&mut work, stamp.as_ref()).await? {
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
}
