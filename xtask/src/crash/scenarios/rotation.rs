//! Keys rotated and retired by the command line, beside nodes that restart under load.

use crate::{
    console::command_line,
    rig::{
        http::{Client, expect},
        postern::Plan,
        until,
    },
};
use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle, sleep},
    time::{Duration, Instant},
};

/// The domains that get DKIM keys, and how many each: with so many secrets sealing anew takes several batches.
const DOMAINS: usize = 12;
const KEYS_OF_DOMAIN: usize = 10;

/// Limit for each step of a rotation. A node that seals with the key before, as it does not know the new one
/// yet, has its value sealed anew a minute later.
const STEP_TIMEOUT: Duration = Duration::from_secs(180);

/// Pause between two reads of the keys or of their files.
const PAUSE: Duration = Duration::from_millis(100);

/// Pause before a key is retired again that could not be: each attempt is a process.
const RETIRE_PAUSE: Duration = Duration::from_secs(1);

/// A thread that rotates the keys of nodes, again and again.
pub struct KeyRotations {
    ended: Arc<AtomicBool>,
    thread: JoinHandle<Result<usize>>,
}

impl KeyRotations {
    /// Rotates on each node in turn. Each has a folder of keys of its own; `proxy` is in front of all, and the
    /// token is an administrator's.
    pub fn start(nodes: &[Plan], proxy: SocketAddr, token: &str) -> Self {
        let ended: Arc<AtomicBool> = Arc::default();
        let (nodes, token, stop) = (nodes.to_vec(), token.to_owned(), Arc::clone(&ended));
        let thread = thread::spawn(move || -> Result<usize> {
            let client = Client::with_token(proxy, &token)?;
            let mut operator = Operator { nodes, client };
            operator.make_secrets()?;
            let mut times = 0;
            while times == 0 || !stop.load(Ordering::Relaxed) {
                let node = times % operator.nodes.len();
                operator.rotate(node).context("rotating keys")?;
                times += 1;
            }
            Ok(times)
        });
        Self { ended, thread }
    }

    /// Waits for the end of the rotation under way, of the first one at least. Returns how many there were.
    pub fn finish(self) -> Result<usize> {
        self.ended.store(true, Ordering::Relaxed);
        let ended = self.thread.join();
        ended.map_err(|_| anyhow!("the rotation of keys panicked"))?
    }
}

/// Rotates keys as README describes it for several nodes.
struct Operator {
    nodes: Vec<Plan>,
    /// Reaches the nodes in turn.
    client: Client,
}

impl Operator {
    fn make_secrets(&mut self) -> Result<()> {
        for domain in 0..DOMAINS {
            let path = format!("/api/domains/d{domain}.example.org/keys");
            for _ in 0..KEYS_OF_DOMAIN {
                let body = json!({ "algorithm": "ed25519" });
                let made = self.client.post(&path, "", &body)?;
                expect(made, 200, "making a DKIM key")?;
            }
        }
        Ok(())
    }

    /// Makes a key on a node, copies its file to the others, and retires the key before once it seals nothing.
    fn rotate(&mut self, node: usize) -> Result<()> {
        let keys = self.keys()?;
        let active = sealing(&keys).find(|key| key["state"] == "active");
        let old = active.and_then(|key| key["id"].as_str());
        let old = old.context("no key seals")?.to_owned();
        let line = command(&self.nodes[node], &["keys", "rotate"])?;
        // The id, the age, the state and the values.
        let columns: Vec<&str> = line.trim_end().split("  ").collect();
        let [new, _, "waiting", "no values"] = columns[..] else {
            bail!("a key that other nodes do not have is: {line}");
        };
        self.copy(node, new)?;
        self.wait_for_resealing(&old, new)?;
        self.retire(node, &old)?;
        self.wait_for_deletion(&old)?;
        let keys = self.keys()?;
        let is_alone = sealing(&keys).all(|key| key["id"] == new);
        if !is_alone || keys["to_enter_again"] != 0 {
            bail!("{old} is retired, and there are: {keys}");
        }
        Ok(())
    }

    /// The keys, as one of the nodes reports them.
    fn keys(&mut self) -> Result<Value> {
        let answer = expect(self.client.get("/api/keys")?, 200, "the keys")?;
        Ok(answer.json()?["data"].take())
    }

    /// Copies the file of a key from a node to the others.
    fn copy(&self, from: usize, id: &str) -> Result<()> {
        for (number, node) in self.nodes.iter().enumerate() {
            if number != from {
                fs::copy(file(&self.nodes[from], id), file(node, id))?;
            }
        }
        Ok(())
    }

    /// Waits until the new key seals, and the old one nothing any more.
    fn wait_for_resealing(&mut self, old: &str, new: &str) -> Result<()> {
        let begun = Instant::now();
        loop {
            let keys = self.keys()?;
            let seals = sealing(&keys).any(|key| key["id"] == new && key["state"] == "active");
            let is_empty = sealing(&keys).any(|key| key["id"] == old && key["values"] == json!([]));
            if seals && is_empty {
                return Ok(());
            }
            if begun.elapsed() > STEP_TIMEOUT {
                bail!("{old} still seals after {STEP_TIMEOUT:?}: {keys}");
            }
            sleep(PAUSE);
        }
    }

    /// Retires a key. For 15 seconds, and until every node has reported since, it is to be tried again.
    fn retire(&self, node: usize, id: &str) -> Result<()> {
        let begun = Instant::now();
        loop {
            let Err(error) = command(&self.nodes[node], &["keys", "retire", id]) else {
                return Ok(());
            };
            let text = error.to_string().to_lowercase();
            if !text.contains("try again") || begun.elapsed() > STEP_TIMEOUT {
                return Err(error);
            }
            sleep(RETIRE_PAUSE);
        }
    }

    /// Waits until each node has deleted the file of a key that is retired.
    fn wait_for_deletion(&self, id: &str) -> Result<()> {
        let left = || {
            let files = self.nodes.iter().map(|node| file(node, id));
            files.filter(|file| file.exists()).collect::<Vec<_>>()
        };
        if !until(STEP_TIMEOUT, PAUSE, || left().is_empty()) {
            bail!("retired, and not deleted: {:?}", left());
        }
        Ok(())
    }
}

/// The keys of stored secrets in a list of keys.
fn sealing(keys: &Value) -> impl Iterator<Item = &Value> {
    keys["sealing"].as_array().into_iter().flatten()
}

/// The file of a key on a node.
fn file(node: &Plan, id: &str) -> PathBuf {
    node.data.join("keys").join(format!("{id}.key"))
}

/// Runs a command on the data of a node and returns its standard output.
fn command(node: &Plan, words: &[&str]) -> Result<String> {
    let mut command = node.command(words);
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{}: {text}", command_line(&command));
    }
    Ok(String::from_utf8(output.stdout)?)
}
