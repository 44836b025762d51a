//! The number of connections in all and of each client, within limits.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::client::ClientKey;

/// The part of all connections, as a divisor, that other machines leave to programs on this one, so that
/// connections from many networks do not keep out mail of cron.
const LOCAL_PART: usize = 4;

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
        let most = match client.is_local() {
            true => self.most,
            false => self.most - self.most / LOCAL_PART,
        };
        if of_client >= self.most_of_client || open.values().sum::<usize>() >= most {
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
    use std::net::Ipv6Addr;

    use super::super::client::SubmissionPeer;
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

    #[test]
    fn other_machines_leave_slots_to_programs_on_this_one() {
        let slots = ConnectionSlots::new(8, 8);
        let remote = |last: u8| slots.take(SubmissionPeer::tcp([192, 0, 2, last].into()).key());
        let remote: Vec<_> = (0..8).map(remote).collect();
        assert_eq!(remote.iter().flatten().count(), 6);
        let local = slots.take(ClientKey::User(0));
        let loopback = slots.take(SubmissionPeer::tcp(Ipv6Addr::LOCALHOST.into()).key());
        assert!(local.is_some() && loopback.is_some());
        assert!(slots.take(ClientKey::User(1)).is_none(), "all are taken");
    }
}
