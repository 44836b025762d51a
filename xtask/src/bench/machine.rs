//! Describes the machine: cores, load and the latency of a sync.

use crate::rig::processors;
use anyhow::Result;
use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

const SYNCS: usize = 300;

/// Median time to append 4 KB to a file and sync it (`fdatasync`).
pub fn sync_latency(folder: &Path) -> Result<Duration> {
    let path = folder.join("sync");
    let mut file = File::create(&path)?;
    let page = [0x55; 4096];
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let start = Instant::now();
        file.write_all(&page)?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    fs::remove_file(path)?;
    times.sort_unstable();
    Ok(times[SYNCS / 2])
}

pub fn described(folder: &Path) -> Result<String> {
    let cores = processors();
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or_default();
    let sync = sync_latency(folder)?.as_micros();
    Ok(format!(
        "{cores} cores, shared by Postern, the load generator and the relay, load {load} before; \
         4 KB written and synced in {sync} µs (median)"
    ))
}
