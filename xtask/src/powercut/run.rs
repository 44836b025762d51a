//! One run of power cuts: producers, Postern on the disk, relay and the random delays.

use super::{
    disk::{Disk, Unsynced},
    filesystem::{Mount, SharedDisk},
};
use crate::{
    crash::{
        cluster::{IN_DOUBT, loaded},
        mail::{
            ledger::{Comparison, Submission},
            producers::{Entrance, Producers, SubmissionLog},
            relay::CrashRelay,
        },
        run::{DELAY_MS, MAX_BACKLOG, drain, verify},
    },
    guard::TempDir,
    rig::{
        http::Client,
        postern::{Plan, free_address},
        random::Random,
    },
    workspace,
};
use anyhow::Result;
use parking_lot::Mutex;
use std::{fs, os::unix::fs::MetadataExt, path::Path, sync::Arc, thread::sleep, time::Duration};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SyncBehaviour {
    Honoured,
    /// After the set-up syncs do nothing and no relay listens, so all acknowledged mail is lost.
    Ignored,
}

pub fn run(
    program: &Path,
    cuts: usize,
    syncs: SyncBehaviour,
    random: &mut Random,
) -> Result<Comparison> {
    let folder = TempDir::create(&workspace::cache_dir(), "powercut")?;
    let data = folder.0.join("postern");
    fs::create_dir_all(&data)?;
    let owner = fs::metadata(&data)?;
    let disk: SharedDisk = Arc::new(Mutex::new(Disk::new(owner.uid(), owner.gid())));
    let mut mount = Mount::new(&disk, &data)?;

    let shared = SubmissionLog::new(MAX_BACKLOG);
    let relay = CrashRelay::start(&shared)?;
    let plan = loaded(Plan::new(program, &folder.0, "postern", None)?)?;
    let token = plan.token()?;
    let mut postern = plan.start()?;
    match syncs {
        SyncBehaviour::Honoured => postern.deliver_to(&token, relay.relay.address)?,
        SyncBehaviour::Ignored => {
            // Nothing listens at this address.
            postern.deliver_to(&token, free_address()?)?;
            disk.lock().ignore_syncs();
        }
    }

    let (mut lost, mut checked) = (Vec::new(), 0);
    let producers = Producers::start(Arc::clone(&shared), &[Entrance::of(&plan)?], &token, random);
    producers.wait_for_first()?;
    for cut in 0..cuts {
        sleep(Duration::from_millis(
            random.between(DELAY_MS.0, DELAY_MS.1),
        ));
        disk.lock().cut();
        shared.pause(true);
        postern.kill()?;
        relay.crashed()?;
        mount.unmount()?;
        disk.lock().restore(match cut % 2 {
            0 => Unsynced::Lost,
            _ => Unsynced::PartlyKept(random),
        });
        let submissions = shared.submissions();
        mount = Mount::new(&disk, &data)?;
        postern = plan.start()?;
        let mut client = Client::with_token(plan.address, &token)?;
        for mail in &submissions[checked..] {
            lost.extend(missing(&mut client, mail)?);
        }
        checked = submissions.len();
        shared.pause(false);
    }
    producers.stop()?;
    if syncs == SyncBehaviour::Ignored {
        return Ok(Comparison {
            lost: lost.len(),
            ..Comparison::default()
        });
    }

    drain(&postern)?;
    let submissions = shared.submissions();
    let mut client = Client::with_token(plan.address, &token)?;
    let mut comparison = verify(&mut client, &submissions, &relay.receipts(), IN_DOUBT)?;
    comparison.faults.extend(lost);
    postern.stop()?;
    mount.unmount()?;
    Ok(comparison)
}

/// A fault if Postern no longer has a message that it acknowledged.
fn missing(client: &mut Client, mail: &Submission) -> Result<Option<String>> {
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
