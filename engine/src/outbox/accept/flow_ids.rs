//! The ids of flows, cached: a message that is accepted names the flow that it waits in.

use std::collections::HashMap;

use domain::Refusal;
use parking_lot::Mutex;

use crate::store::messages::flows::{self, Flow};
use crate::store::{Store, StoreError, commit, in_time};

/// The ids of the flows that this process accepted messages for. Flows are never deleted.
#[derive(Default)]
pub(in crate::outbox) struct FlowIds(Mutex<HashMap<Flow, i64>>);

impl FlowIds {
    /// The id of a flow.
    ///
    /// # Errors
    /// [`Kind::Unavailable`](domain::Kind::Unavailable) where the database fails.
    pub async fn of(&self, store: &Store, flow: Flow) -> Result<i64, Refusal> {
        let known = self.0.lock().get(&flow).copied();
        if let Some(id) = known {
            return Ok(id);
        }
        let insert = async {
            let mut work = store.begin().await?;
            let id = flows::id(&mut work, &flow).await?;
            commit(work).await?;
            Ok::<i64, StoreError>(id)
        };
        let id = in_time(insert).await?;
        self.0.lock().insert(flow, id);
        Ok(id)
    }
}
