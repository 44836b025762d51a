//! A relay that notes when the mail for certain recipients arrives.

use crate::rig::accepting_relay;
use anyhow::{Context, Result};
use parking_lot::{Condvar, Mutex};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::sleep,
    time::{Duration, Instant},
};
use testkit::Relay;

/// Limit for the arrival of a mail.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Recipients that begin so are noted.
pub const NOTED: &str = "noted";

pub struct ArrivalRelay {
    pub relay: Relay,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    received: AtomicU64,
    arrivals: Mutex<HashMap<String, Instant>>,
    arrived: Condvar,
}

impl ArrivalRelay {
    /// Starts a relay that takes so long for each mail of a connection.
    pub fn start(time_per_mail: Duration) -> Result<Self> {
        let shared: Arc<Shared> = Arc::default();
        let own = Arc::clone(&shared);
        let relay = Relay::with_callback(accepting_relay(), move |mail| {
            own.received.fetch_add(1, Ordering::Relaxed);
            for recipient in mail.recipients {
                if recipient.starts_with(NOTED) {
                    own.arrivals
                        .lock()
                        .insert(recipient.clone(), Instant::now());
                    own.arrived.notify_all();
                }
            }
            sleep(time_per_mail);
        })?;
        Ok(Self { relay, shared })
    }

    pub fn received(&self) -> u64 {
        self.shared.received.load(Ordering::Relaxed)
    }

    /// Waits for the mail of a noted recipient, and returns when it arrived.
    pub fn wait_for(&self, recipient: &str) -> Result<Instant> {
        let mut arrivals = self.shared.arrivals.lock();
        let missing = |arrivals: &mut HashMap<String, Instant>| !arrivals.contains_key(recipient);
        self.shared
            .arrived
            .wait_while_for(&mut arrivals, missing, TIMEOUT);
        let arrival = arrivals.get(recipient).copied();
        arrival.with_context(|| format!("{recipient} received nothing in {TIMEOUT:?}"))
    }
}
