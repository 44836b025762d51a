//! Figures of the keys for metrics. They have no ids and no names.

use std::time::Duration;

use domain::Refusal;
use domain::crypto::keys::{SealingKeyState, SealingKeyView};

use super::service::SealingKeys;
use crate::Actor;

/// What metrics report of the keys of stored secrets, as this process sees them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyFigures {
    /// The values that do not open, as their keys are lost, and have to be entered or made again.
    pub lost_values: i64,
    /// The keys that are in use and have no file, or a damaged one: those that are lost, and those that this process
    /// has in memory only.
    pub without_file: usize,
    /// The age of the key that seals; `None` where there is none.
    pub age: Option<Duration>,
}

impl SealingKeys {
    /// The figures, for administrators and for requests from this machine.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`](domain::Kind::Unauthenticated) without an actor, and
    /// [`Kind::Forbidden`](domain::Kind::Forbidden) for other actors than administrators, where the request is not
    /// `local`; if the database fails.
    pub async fn figures(&self, actor: Option<&Actor>, local: bool) -> Result<KeyFigures, Refusal> {
        Actor::must_read_metrics(actor, local)?;
        let sealing = self.sealing_views().await?;
        let is_without = |key: &&SealingKeyView| {
            key.is_in_memory_only || (!key.state.opens() && key.number() > 0)
        };
        let mut keys = sealing.iter();
        let active = keys.find(|key| key.state == SealingKeyState::Active);
        let now = self.clock.now();
        Ok(KeyFigures {
            lost_values: sealing.iter().map(SealingKeyView::to_enter_again).sum(),
            without_file: sealing.iter().filter(is_without).count(),
            age: active.map(|key| now.saturating_since(key.created_at)),
        })
    }
}
