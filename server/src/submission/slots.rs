//! The number of connections in all and of each client, within limits.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::client::ClientKey;

/// Counts the connections of all submission listeners. Cheap to clone.
#[derive(Clone)]
pub struct ConnectionSlots {
    most: usize,
    most_of_client: usize,
    open: Arc<Mutex<BTreeMap<ClientKey, usize>>>,
}

/// The slot of one connection, until it is dropped.
pub struct ConnectionSlot {
    slots: ConnectionSlots,
    client: ClientKey,
}

impl ConnectionSlots {
    /// At most `most` connections in all, and `most_of_client` of each client.
    pub fn new(most: usize, most_of_client: usize) -> Self {
        Self {
            most,
            most_of_client,
            open: Arc::default(),
        }
    }

    /// Takes a slot; `None` where a limit is reached.
    pub fn take(&self, client: ClientKey) -> Option<ConnectionSlot> {
        let mut open = self.open.lock();
        let of_client = open.get(&client).copied().unwrap_or(0);
        if of_client >= self.most_of_client || open.values().sum::<usize>() >= self.most {
            return None;
        }
        open.insert(client, of_client + 1);
        Some(ConnectionSlot {
            slots: self.clone(),
            client,
        })
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut open = self.slots.open.lock();
        if let Some(number) = open.get_mut(&self.client) {
            *number -= 1;
            if *number == 0 {
                open.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_and_all_clients_have_a_limited_number_of_slots() {
        let slots = ConnectionSlots::new(3, 2);
        let take = |uid| slots.take(ClientKey::User(uid));
        let mut taken: Vec<_> = [take(1), take(1), take(2)].into();
        assert!(taken.iter().all(Option::is_some));
        assert!(take(1).is_none() && take(3).is_none());
        taken.pop();
        assert!(take(1).is_none(), "it has two");
        assert!(take(3).is_some());
        drop(taken);
        assert!(slots.open.lock().is_empty());
    }
}
