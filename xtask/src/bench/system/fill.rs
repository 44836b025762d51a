//! Fills an outbox: mails in large batches from several clients.

use super::load::joined;
use crate::rig::http::{Client, expect};
use anyhow::Result;
use serde_json::Value;
use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// Mails of one request.
const BATCH: usize = 500;

const CLIENTS: usize = 4;

/// Submits the mails `mail(0)` to `mail(mails - 1)`.
pub fn fill(
    address: SocketAddr,
    token: &str,
    mails: usize,
    mail: impl Fn(usize) -> Value + Sync,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let client = || {
        let mut client = Client::with_token(address, token)?;
        loop {
            let first = next.fetch_add(BATCH, Ordering::Relaxed);
            let batch: Vec<Value> = (first..mails.min(first + BATCH)).map(&mail).collect();
            if batch.is_empty() {
                return Ok(());
            }
            let answer = client.post("/api/messages/send-email", "", &Value::Array(batch))?;
            expect(answer, 202, "filling the outbox")?;
        }
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        clients
            .into_iter()
            .try_for_each(|client| joined(client.join()))
    })
}
