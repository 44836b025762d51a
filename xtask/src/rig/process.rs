//! CPU time, memory and children of a process from /proc (proc(5)).

use anyhow::{Context, Result};
use std::{fs, time::Duration};

/// `USER_HZ`, which is 100 on every Linux architecture with /proc.
const TICKS_PER_SECOND: u64 = 100;

/// CPU time of a process and all its threads, with a resolution of 10 ms.
pub fn processor_time(process: u32) -> Result<Duration> {
    // utime and stime are fields 14 and 15.
    time_in_fields(process, [14, 15])
}

/// CPU time of the children of this process that have ended, with a resolution of 10 ms.
pub fn processor_time_of_ended_children() -> Result<Duration> {
    // cutime and cstime are fields 16 and 17.
    time_in_fields(std::process::id(), [16, 17])
}

/// The sum of two fields of /proc/PID/stat that count ticks, by the numbers in proc(5).
fn time_in_fields(process: u32, numbers: [usize; 2]) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name is in parentheses and may contain any character.
    let (_, fields) = stat.rsplit_once(')').context("no name in /proc/PID/stat")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |number: usize| -> Result<u64> {
        // The first field after the name is field 3.
        let field = fields.get(number - 3).context("/proc/PID/stat is short")?;
        Ok(field.parse()?)
    };
    let ticks = ticks(numbers[0])? + ticks(numbers[1])?;
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// The ids of the processes that a process started.
pub fn children(process: u32) -> Result<Vec<i32>> {
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(id) = name.and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process that has ended meanwhile is no child.
        let stat = fs::read_to_string(path.join("stat")).unwrap_or_default();
        let parent = stat
            .rsplit_once(')')
            .and_then(|(_, fields)| fields.split_whitespace().nth(1));
        if parent == Some(&process.to_string()) {
            children.push(id);
        }
    }
    Ok(children)
}

/// Resident memory in bytes.
pub struct Memory {
    pub now: u64,
    pub peak: u64,
}

pub fn memory(process: u32) -> Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let kilobytes = |name: &str| -> Result<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let line = line.with_context(|| format!("no {name} in /proc/PID/status"))?;
        let number = line.trim_start_matches(':').trim().trim_end_matches(" kB");
        Ok(number.parse::<u64>()? * 1024)
    };
    Ok(Memory {
        now: kilobytes("VmRSS")?,
        peak: kilobytes("VmHWM")?,
    })
}
