//! What happens under load: nodes and PostgreSQL killed and stopped, their network cut.

use crate::{
    crash::cluster::{Cluster, LEASE},
    rig::random::Random,
};
use anyhow::{Context, Result};
use std::{
    thread::sleep,
    time::{Duration, Instant},
};

/// Within this time a node without database has sent what it may, and the relay has read it.
const QUIET: Duration = Duration::from_secs(2);

/// For how long PostgreSQL is gone, in milliseconds: longer than `QUIET`, shorter than a lease.
const DATABASE_GONE_MS: (u64, u64) = (2000, 5000);

/// Kills a node and starts it again. Of several, others deliver the mail of the last one.
pub fn kill_node(cluster: &mut Cluster, random: &mut Random) -> Result<()> {
    let victim = victim(cluster, random);
    let node = cluster.nodes[victim].take().context("a node is missing")?;
    node.kill()?;
    cluster.relay.crashed()?;
    if !cluster.is_last || cluster.nodes.len() == 1 {
        cluster.nodes[victim] = Some(cluster.plans[victim].start()?);
    }
    Ok(())
}

/// Kills PostgreSQL with all its processes, and starts it again.
pub fn kill_database(cluster: &mut Cluster, random: &mut Random) -> Result<()> {
    cluster.environment.postgres()?.kill()?;
    restart_database(cluster, random)
}

/// Stops PostgreSQL, which ends its connections, and starts it again.
pub fn stop_database(cluster: &mut Cluster, random: &mut Random) -> Result<()> {
    cluster.environment.postgres()?.stop()?;
    restart_database(cluster, random)
}

fn restart_database(cluster: &mut Cluster, random: &mut Random) -> Result<()> {
    let (least, most) = DATABASE_GONE_MS;
    sleep(Duration::from_millis(random.between(least, most)));
    cluster.relay.count_crash();
    cluster.environment.postgres()?.start_again()?;
    cluster.wait_for_recovery()
}

/// Cuts the network between a node and PostgreSQL until its leases have expired and another node has
/// delivered its mail.
pub fn cut_network(cluster: &mut Cluster, random: &mut Random) -> Result<()> {
    let victim = cut(cluster, random)?;
    cluster.links[victim].open();
    cluster.wait_for_recovery()
}

/// As [`cut_network`], and the connections from before stay silent.
pub fn lose_connections(cluster: &mut Cluster, random: &mut Random) -> Result<()> {
    let victim = cut(cluster, random)?;
    cluster.links[victim].open_to_new();
    cluster.wait_for_recovery()
}

fn cut(cluster: &mut Cluster, random: &mut Random) -> Result<usize> {
    let victim = victim(cluster, random);
    cluster.wait_for_backlog()?;
    let gone = Instant::now();
    cluster.links[victim].cut();
    cluster.relay.slow_down(false);
    sleep(QUIET);
    cluster.relay.count_crash();
    cluster.wait_for_takeover(gone)?;
    wait_for_expiry(gone);
    Ok(victim)
}

/// Stops a node with SIGSTOP until its leases have expired and another node has delivered its mail.
pub fn suspend_node(cluster: &mut Cluster, random: &mut Random) -> Result<()> {
    let victim = victim(cluster, random);
    cluster.wait_for_backlog()?;
    let gone = Instant::now();
    let node = cluster.nodes[victim].as_mut();
    node.context("a node is missing")?.suspend()?;
    cluster.relay.slow_down(false);
    sleep(QUIET);
    cluster.relay.count_suspension();
    cluster.wait_for_takeover(gone)?;
    wait_for_expiry(gone);
    // It ends what it had begun to send.
    cluster.relay.count_resumption();
    let node = cluster.nodes[victim].as_mut();
    node.context("a node is missing")?.resume()?;
    cluster.wait_for_recovery()
}

/// A random node.
fn victim(cluster: &Cluster, random: &mut Random) -> usize {
    random.between(0, cluster.nodes.len() as u64 - 1) as usize
}

/// Waits until the leases of a node that is gone since then have expired, also those renewed last.
fn wait_for_expiry(gone: Instant) {
    let longer = LEASE + Duration::from_secs(3);
    sleep(longer.saturating_sub(gone.elapsed()));
}
