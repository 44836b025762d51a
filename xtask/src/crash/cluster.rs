//! The nodes of a run, their relay, and the proxies to and from them.

use super::mail::{
    producers::{Entrance, SubmissionLog},
    relay::CrashRelay,
    webhook::CrashWebhook,
};
use crate::rig::{
    environment::{Database, Environment},
    http::Client,
    postern::{Plan, Postern},
    proxy::Proxy,
    until,
};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

/// Relay connections of each node.
pub const CONNECTIONS: usize = 8;

/// The mails of each node that may be in doubt.
pub const IN_DOUBT: usize = 32;

/// Longer than a healthy node on a busy machine waits between renewals: otherwise the other node
/// would send its mail again.
pub const LEASE: Duration = Duration::from_secs(10);

/// Limit for nodes to work again after an outage.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(60);

/// Limit for another node to deliver what a node has leased that is gone.
const TAKEOVER_TIMEOUT: Duration = Duration::from_secs(60);

/// Limit for more mail to be acknowledged.
const LOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// The mails that wait for the relay when a node is gone.
const BACKLOG: u64 = 200;

/// The nodes of a cluster and the ways to and from them.
#[derive(Clone, Copy)]
pub struct Layout {
    pub engine: Database,
    pub nodes: usize,
    /// Producers reach the nodes through a proxy that assigns them in turn; otherwise each producer
    /// has a node.
    pub is_balanced: bool,
    /// Each node reaches PostgreSQL through a proxy.
    pub is_linked: bool,
    /// The nodes check the health of the relay, which takes connections without mail.
    pub checks_health: bool,
}

pub struct Cluster<'e> {
    pub environment: &'e mut Environment,
    pub plans: Vec<Plan>,
    pub nodes: Vec<Option<Postern>>,
    /// The way of each node to PostgreSQL, where the layout wants one.
    pub links: Vec<Proxy>,
    balancer: Option<Balancer>,
    pub relay: CrashRelay,
    pub log: Arc<SubmissionLog>,
    /// An API token of an administrator.
    pub token: String,
    /// No other event follows.
    pub is_last: bool,
    /// The longest time until another node had delivered the mail of a node that was gone.
    pub takeover: Duration,
}

/// The proxies in front of the nodes, for each of their protocols.
struct Balancer {
    http: Proxy,
    smtp: Proxy,
}

impl Balancer {
    fn start(nodes: &[Entrance]) -> Result<Self> {
        let http: Vec<_> = nodes.iter().map(|node| node.http).collect();
        let smtp: Vec<_> = nodes.iter().map(|node| node.smtp).collect();
        Ok(Self {
            http: Proxy::start(&http)?,
            smtp: Proxy::start(&smtp)?,
        })
    }
}

impl<'e> Cluster<'e> {
    /// Starts the nodes, which share a database and the keys. A webhook is added to the administrator's
    /// account, and named by mails.
    pub fn start(
        environment: &'e mut Environment,
        layout: &Layout,
        log: Arc<SubmissionLog>,
        webhook: Option<&CrashWebhook>,
    ) -> Result<Self> {
        let relay = CrashRelay::start(&log)?;
        let mut first = plan(environment, layout.engine)?;
        if layout.checks_health {
            first = first.variable("POSTERN_NO_HEALTH_CHECKS", "false");
        }
        if let Some(webhook) = webhook {
            first = webhook.allowed_by(first);
        }
        let token = first.token()?;
        let mut plans = vec![first];
        for number in 1..layout.nodes {
            let name = format!("{}-node{}", plans[0].name(), number + 1);
            let node = plans[0].sibling(environment.folder(), &name)?;
            copy_keys(&plans[0], &node)?;
            plans.push(node);
        }
        let mut links = Vec::new();
        if layout.is_linked {
            let server = environment.postgres()?.socket();
            for plan in &mut plans {
                let link = Proxy::start(&[server])?;
                *plan = plan.clone().database_through(link.address);
                links.push(link);
            }
        }
        let entrances: Vec<_> = plans.iter().map(Entrance::of).collect::<Result<_>>()?;
        let balancer = layout.is_balanced.then(|| Balancer::start(&entrances));
        let mut nodes = Vec::new();
        for plan in &plans {
            nodes.push(Some(plan.start()?));
        }
        let cluster = Self {
            environment,
            plans,
            nodes,
            links,
            balancer: balancer.transpose()?,
            relay,
            log,
            token,
            is_last: false,
            takeover: Duration::ZERO,
        };
        let address = cluster.relay.relay.address;
        cluster.alive()?.deliver_to(&cluster.token, address)?;
        if let Some(webhook) = webhook {
            let id = webhook.add_to(cluster.alive()?, &cluster.token)?;
            cluster.log.name_webhook(id);
        }
        Ok(cluster)
    }

    /// Where producers submit mail.
    pub fn entrances(&self) -> Result<Vec<Entrance>> {
        match &self.balancer {
            Some(balancer) => Ok(vec![Entrance {
                http: balancer.http.address,
                smtp: balancer.smtp.address,
            }]),
            None => self.plans.iter().map(Entrance::of).collect(),
        }
    }

    /// A running node.
    pub fn alive(&self) -> Result<&Postern> {
        let mut alive = self.nodes.iter().flatten();
        alive.next().context("no node is left")
    }

    /// Waits until every node answers and all of them deliver.
    pub fn wait_for_recovery(&self) -> Result<()> {
        for node in self.nodes.iter().flatten() {
            node.wait("a node that works again", RECOVERY_TIMEOUT, || {
                self.workers(node)
                    .is_ok_and(|workers| workers == self.nodes.len())
            })?;
        }
        Ok(())
    }

    /// The number of processes that deliver, as a node reports it.
    fn workers(&self, node: &Postern) -> Result<usize> {
        let mut client = Client::with_token(node.address, &self.token)?;
        let overview = client.get("/api/outbox")?.json()?;
        let workers = overview["data"]["workers"].as_array();
        workers.map(Vec::len).context("no list of workers")
    }

    /// Waits until so many more mails are acknowledged.
    pub fn wait_for_load(&self, mails: u64) -> Result<()> {
        let acknowledged = || self.log.acknowledged.load(Ordering::Relaxed);
        let enough = acknowledged() + mails;
        let node = self.alive()?;
        node.wait("mail that is acknowledged", LOAD_TIMEOUT, || {
            acknowledged() >= enough
        })
    }

    /// Slows the relay down and waits until mail waits in front of it, which the nodes have leased.
    pub fn wait_for_backlog(&self) -> Result<()> {
        self.relay.slow_down(true);
        let is_reached = || self.log.backlog() >= BACKLOG;
        if !until(RECOVERY_TIMEOUT, Duration::from_millis(10), is_reached) {
            bail!("no {BACKLOG} mails wait for the relay");
        }
        Ok(())
    }

    /// Waits until all mail that is acknowledged now has arrived, and remembers the longest time since
    /// `gone`, when a node was gone.
    pub fn wait_for_takeover(&mut self, gone: Instant) -> Result<()> {
        let submissions = self.log.submissions();
        loop {
            let missing = self.relay.missing(&submissions);
            if missing == 0 {
                break;
            }
            if gone.elapsed() > TAKEOVER_TIMEOUT {
                bail!("{missing} recipients waited for more than {TAKEOVER_TIMEOUT:?}");
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        self.takeover = self.takeover.max(gone.elapsed());
        Ok(())
    }
}

/// A node on a fresh database.
pub fn plan(environment: &mut Environment, engine: Database) -> Result<Plan> {
    loaded(environment.plan(engine)?)
}

/// The limits and interfaces that crash runs and power cuts have in common.
pub fn loaded(plan: Plan) -> Result<Plan> {
    let plan = plan
        .argument(&["--relay-connections", &CONNECTIONS.to_string()])
        .argument(&["--in-doubt", &IN_DOUBT.to_string()])
        .variable("POSTERN_LEASE_SECONDS", &LEASE.as_secs().to_string());
    plan.accepting_smtp()
}

fn copy_keys(from: &Plan, to: &Plan) -> Result<()> {
    fs::create_dir_all(to.data.join("keys"))?;
    for key in fs::read_dir(from.data.join("keys"))? {
        let key = key?;
        fs::copy(key.path(), to.data.join("keys").join(key.file_name()))?;
    }
    Ok(())
}
