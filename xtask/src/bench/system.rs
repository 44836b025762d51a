//! What the rows of the bench measure: a Postern of its own, loaded, delivering, watched.

use super::load::{Load, LoadResult};
use crate::rig::{
    environment::{Database, Environment},
    http::{Client, expect},
    metrics::Metrics,
    postern::{Plan, Postern},
    process,
    sink::Sink,
};
use anyhow::Result;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Before the first figure: connections to the database, caches, the queue's first pages.
const WARM_UP: u64 = 1_000;

/// How long a run may stand still before it has failed.
const PATIENCE: Duration = Duration::from_secs(600);

/// A relay that counts.
pub struct CountingRelay {
    pub sink: Sink,
    taken: Arc<AtomicU64>,
}

impl CountingRelay {
    pub fn start() -> Result<Self> {
        let taken = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&taken);
        let sink = Sink::start(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        })?;
        Ok(Self { sink, taken })
    }

    pub fn received(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

/// A Postern that is signed in to.
pub struct SystemUnderTest {
    pub plan: Plan,
    pub postern: Postern,
    pub token: String,
    /// Those of the warm-up.
    delivered: u64,
}

impl SystemUnderTest {
    /// `relay`: where it delivers; without one it only takes mail in.
    pub fn start(
        environment: &mut Environment,
        engine: Database,
        relay: Option<(SocketAddr, usize)>,
    ) -> Result<Self> {
        let mut plan = environment.plan(engine)?;
        let token = plan.token()?;
        plan = match relay {
            Some((_, connections)) => {
                plan.argument(&["--relay-connections", &connections.to_string()])
            }
            None => plan.argument(&["--no-delivery"]),
        };
        let postern = plan.start()?;
        // Made once a day, beside what else goes on: a second of one of two cores.
        let mut client = Client::connect(postern.address, "")?;
        expect(client.get("/api/keys/browser")?, 200, "the browser's key")?;
        let system = Self {
            plan,
            postern,
            token,
            delivered: 0,
        };
        if let Some((relay, _)) = relay {
            system.postern.deliver_to(&system.token, relay)?;
        }
        Ok(system)
    }

    pub fn warm_up(&mut self, delivers: bool) -> Result<()> {
        self.load(64, WARM_UP)?;
        if delivers {
            self.wait_for_delivery(WARM_UP)?;
        }
        Ok(())
    }

    pub fn load(&self, clients: usize, mails: u64) -> Result<LoadResult> {
        let load = Load {
            address: self.postern.address,
            token: &self.token,
            clients,
            mails,
        };
        load.run()
    }

    /// Comes back when so many more are delivered and recorded as that.
    pub fn wait_for_delivery(&mut self, mails: u64) -> Result<()> {
        self.delivered += mails;
        let wanted = self.delivered;
        let mut client = Client::connect(self.postern.address, "")?;
        self.postern
            .wait("every mail recorded as delivered", PATIENCE, || {
                Metrics::read(&mut client).is_ok_and(|metrics| metrics.delivered() >= wanted)
            })
    }

    pub fn processor_time(&mut self) -> Result<Duration> {
        process::processor_time(self.postern.id())
    }
}

/// How fast mail went through, and what it cost.
pub struct Throughput {
    pub per_second: f64,
    /// Of Postern, for one mail.
    pub processor_time: Duration,
}

/// From the first request to the last mail recorded as delivered, with `connections` applications
/// and as many connections to the relay.
pub fn measure_throughput(
    environment: &mut Environment,
    engine: Database,
    relay: &CountingRelay,
    connections: usize,
    mails: u64,
) -> Result<Throughput> {
    let address = relay.sink.address;
    let mut system = SystemUnderTest::start(environment, engine, Some((address, connections)))?;
    system.warm_up(true)?;
    let before = system.processor_time()?;
    let start = Instant::now();
    system.load(connections, mails)?;
    system.wait_for_delivery(mails)?;
    let time = start.elapsed();
    let processor_time = system.processor_time()?.saturating_sub(before) / mails as u32;
    system.postern.stop()?;
    Ok(Throughput {
        per_second: mails as f64 / time.as_secs_f64(),
        processor_time,
    })
}
