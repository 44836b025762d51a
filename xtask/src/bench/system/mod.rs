//! The system under test: a Postern with its relay, under load.

pub mod arrivals;
pub mod fill;
pub mod load;

use crate::rig::{
    accepting_relay, chunking_relay,
    environment::{Database, Environment},
    http::{Client, expect},
    metrics::Metrics,
    postern::{Plan, Postern},
    process,
};
use anyhow::Result;
use load::{Load, LoadResult};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use testkit::{Relay, RelayScript};

/// Mails before the measurement, to fill connection pools and caches.
pub const WARM_UP: u64 = 1_000;

/// Limit for a delivery run.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(600);

/// A relay that counts mails.
pub struct CountingRelay {
    pub relay: Relay,
    received: Arc<AtomicU64>,
}

impl CountingRelay {
    pub fn start() -> Result<Self> {
        Self::with(accepting_relay())
    }

    /// A relay that also offers CHUNKING.
    pub fn chunking() -> Result<Self> {
        Self::with(chunking_relay())
    }

    fn with(script: RelayScript) -> Result<Self> {
        let received = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&received);
        let relay = Relay::with_callback(script, move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        })?;
        Ok(Self { relay, received })
    }

    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

/// A running Postern with an API token.
pub struct SystemUnderTest {
    pub plan: Plan,
    pub postern: Postern,
    pub token: String,
    /// Mails delivered so far, including the warm-up.
    delivered: u64,
}

impl SystemUnderTest {
    /// Starts a Postern that delivers to `relay` (address and connection limit), or only accepts mail.
    pub fn start(
        environment: &mut Environment,
        engine: Database,
        relay: Option<(SocketAddr, usize)>,
    ) -> Result<Self> {
        let Some((relay, connections)) = relay else {
            return Self::start_with(environment, engine, &["--no-delivery"]);
        };
        let connections = connections.to_string();
        let arguments = ["--relay-connections", &connections];
        let system = Self::start_with(environment, engine, &arguments)?;
        system.postern.deliver_to(&system.token, relay)?;
        Ok(system)
    }

    /// Starts a Postern with these arguments of `serve`.
    pub fn start_with(
        environment: &mut Environment,
        engine: Database,
        arguments: &[&str],
    ) -> Result<Self> {
        let plan = environment.plan(engine)?;
        let token = plan.token()?;
        let plan = plan.argument(arguments);
        let postern = plan.start()?;
        // Generates the browser key now: it takes a second of CPU time, once a day.
        let mut client = Client::connect(postern.address, "")?;
        expect(client.get("/api/keys/browser")?, 200, "the browser key")?;
        Ok(Self {
            plan,
            postern,
            token,
            delivered: 0,
        })
    }

    pub fn warm_up(&self) -> Result<()> {
        self.load(64, WARM_UP).map(|_| ())
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

    /// Waits until `mails` more are recorded as delivered.
    pub fn wait_for_delivery(&mut self, mails: u64) -> Result<()> {
        self.delivered += mails;
        let wanted = self.delivered;
        let mut client = Client::connect(self.postern.address, "")?;
        self.postern
            .wait("every mail recorded as delivered", DELIVERY_TIMEOUT, || {
                Metrics::read(&mut client).is_ok_and(|metrics| metrics.delivered() >= wanted)
            })
    }

    /// Measures from the start of a load of so many mails to the last one recorded as delivered. Before that,
    /// a load of [`WARM_UP`] mails is delivered.
    pub fn throughput(
        &mut self,
        mails: u64,
        load: impl Fn(&Self, u64) -> Result<()>,
    ) -> Result<Throughput> {
        load(self, WARM_UP)?;
        self.wait_for_delivery(WARM_UP)?;
        let before = self.processor_time()?;
        let start = Instant::now();
        load(self, mails)?;
        self.wait_for_delivery(mails)?;
        let time = start.elapsed();
        Ok(Throughput {
            per_second: mails as f64 / time.as_secs_f64(),
            processor_time: self.processor_time()?.saturating_sub(before) / mails as u32,
        })
    }

    /// Messages that Postern has accepted so far, by its own count.
    pub fn accepted(&self) -> Result<u64> {
        let mut client = Client::connect(self.postern.address, "")?;
        Ok(Metrics::read(&mut client)?.accepted())
    }

    pub fn processor_time(&mut self) -> Result<Duration> {
        process::processor_time(self.postern.id())
    }
}

/// The result of [`SystemUnderTest::throughput`].
pub struct Throughput {
    pub per_second: f64,
    /// CPU time of Postern per mail.
    pub processor_time: Duration,
}

/// Measures the throughput of a fresh Postern that delivers to `relay`, with `connections` HTTP clients and
/// as many connections to the relay.
pub fn measure_throughput(
    environment: &mut Environment,
    engine: Database,
    relay: SocketAddr,
    connections: usize,
    mails: u64,
) -> Result<Throughput> {
    let mut system = SystemUnderTest::start(environment, engine, Some((relay, connections)))?;
    let run = system.throughput(mails, |system, mails| {
        system.load(connections, mails).map(|_| ())
    })?;
    system.postern.stop()?;
    Ok(run)
}
