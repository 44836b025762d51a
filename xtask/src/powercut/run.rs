//! One run of power cuts: applications, Postern on the disk, the relay, and the moments.

use super::{
    disk::{Disk, Leaves},
    filesystem::{Mount, Shared as SharedDisk, lock},
};
use crate::{
    crash::{
        ledger::{Handed, Verdict, compare},
        producers::{Producers, Shared},
        relay::Relay,
        run::{BACKLOG, CONNECTIONS, LEASE_SECONDS, MOMENTS, PATIENCE, unrecorded},
    },
    guard::Scratch,
    rig::{
        http::Client,
        metrics::Metrics,
        postern::{Plan, free_address},
        random::Random,
    },
    workspace,
};
use anyhow::Result;
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{Arc, Mutex},
    thread::sleep,
    time::Duration,
};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Honesty {
    Honest,
    /// Once Postern is set up, syncs do nothing and no mail leaves: all that is acknowledged is lost.
    Lies,
}

pub fn run(program: &Path, cuts: usize, honesty: Honesty, random: &mut Random) -> Result<Verdict> {
    let folder = Scratch::create(&workspace::keep(), "powercut")?;
    let data = folder.0.join("postern");
    fs::create_dir_all(&data)?;
    let owner = fs::metadata(&data)?;
    let disk: SharedDisk = Arc::new(Mutex::new(Disk::new(owner.uid(), owner.gid())));
    let mut mount = Mount::new(&disk, &data)?;

    let shared = Shared::new(BACKLOG);
    let relay = Relay::start(&shared)?;
    let plan = Plan::new(program, &folder.0, "postern", None)?
        .argument(&["--relay-connections", &CONNECTIONS.to_string()])
        .variable("POSTERN_LEASE_SECONDS", LEASE_SECONDS);
    let token = plan.token()?;
    let mut postern = plan.start()?;
    match honesty {
        Honesty::Honest => postern.deliver_to(&token, relay.sink.address)?,
        Honesty::Lies => {
            // Nobody listens there.
            postern.deliver_to(&token, free_address()?)?;
            lock(&disk).lie();
        }
    }

    let (mut lost, mut checked) = (Vec::new(), 0);
    let producers = Producers::start(Arc::clone(&shared), &[plan.address], &token, random);
    producers.acknowledged()?;
    for cut in 0..cuts {
        sleep(Duration::from_millis(random.between(MOMENTS.0, MOMENTS.1)));
        lock(&disk).cut();
        shared.pause(true);
        postern.kill()?;
        relay.crashed()?;
        mount.unmount()?;
        lock(&disk).restore(match cut % 2 {
            0 => Leaves::Nothing,
            _ => Leaves::Some(random),
        });
        let handed = shared.handed();
        mount = Mount::new(&disk, &data)?;
        postern = plan.start()?;
        let mut client = Client::with_token(plan.address, &token)?;
        for mail in &handed[checked..] {
            lost.extend(unknown(&mut client, mail)?);
        }
        checked = handed.len();
        shared.pause(false);
    }
    producers.stop()?;
    if honesty == Honesty::Lies {
        return Ok(Verdict {
            lost: lost.len(),
            ..Verdict::default()
        });
    }

    let mut client = Client::connect(plan.address, "")?;
    postern.wait("the queue empty after the last cut", PATIENCE, || {
        Metrics::read(&mut client).is_ok_and(|metrics| metrics.waiting() == 0)
    })?;
    let handed = shared.handed();
    let mut verdict = compare(&handed, &relay.arrived(), CONNECTIONS);
    verdict.faults.extend(lost);
    let mut client = Client::with_token(plan.address, &token)?;
    verdict.faults.extend(unrecorded(&mut client, &handed)?);
    postern.stop()?;
    mount.unmount()?;
    Ok(verdict)
}

/// A fault when Postern no longer knows what it acknowledged.
fn unknown(client: &mut Client, mail: &Handed) -> Result<Option<String>> {
    let Some(id) = mail.id() else {
        return Ok(None);
    };
    let status = client.get(&format!("/api/messages/{id}"))?.status;
    let number = mail.number;
    Ok(
        (status != 200)
            .then(|| format!("number {number}, acknowledged as {id}, is gone: {status}")),
    )
}
