//! What the nodes of one database share: settings, sessions, limits, the outbox and health checks.

use crate::{
    crash::{
        cluster::Cluster,
        mail::ledger::{REFUSED, ids},
    },
    rig::{
        http::{Client, HttpResponse, expect},
        postern::sign_in,
        until,
    },
};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::{net::SocketAddr, thread::sleep, time::Duration};

/// The mails a day of the account with a limit, and how many of them are submitted.
const LIMIT: usize = 5;
const SUBMITTED: usize = 3 * LIMIT;

/// Within this time the first limit of an account holds on every node.
const LIMIT_DELAY: Duration = Duration::from_secs(2);

/// Limit for a check of a relay that was asked for.
const CHECK_TIMEOUT: Duration = Duration::from_secs(60);

/// What is not shared by the nodes. Each thing is changed on one node, and read on all.
pub fn faults(cluster: &Cluster, nodes: &[SocketAddr]) -> Result<Vec<String>> {
    let mut faults = faults_between_versions(cluster, nodes)?;
    faults.extend(named("a limit and the outbox", limit(cluster, nodes)?));
    faults.extend(named("a health check", health_check(cluster, nodes)?));
    Ok(faults)
}

/// What is not shared by nodes of an earlier and of the present version. An earlier version may know neither
/// the limits of accounts nor the health checks of relays, so that nodes of both are asked only for what every
/// version promises: the settings and the sessions.
pub fn faults_between_versions(cluster: &Cluster, nodes: &[SocketAddr]) -> Result<Vec<String>> {
    let mut faults = named("settings", settings(cluster, nodes)?);
    faults.extend(named("a session", session(nodes)?));
    Ok(faults)
}

/// The faults of one thing, with its name.
fn named(what: &str, found: Vec<String>) -> Vec<String> {
    let found = found.into_iter();
    found.map(|fault| format!("{what}: {fault}")).collect()
}

/// The responses of all nodes to one request, with a header.
fn on_all(nodes: &[SocketAddr], header: &str, path: &str) -> Result<Vec<HttpResponse>> {
    let mut answers = Vec::new();
    for node in nodes {
        answers.push(Client::connect(*node, header)?.get(path)?);
    }
    Ok(answers)
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// The settings that were saved on the first node.
fn settings(cluster: &Cluster, nodes: &[SocketAddr]) -> Result<Vec<String>> {
    let port = cluster.relay.relay.address.port();
    let path = "/api/setup/email_smtp";
    let mut faults = Vec::new();
    for answer in on_all(nodes, &bearer(&cluster.token), path)? {
        let saved = answer.json()?["data"]["smtp_port"].clone();
        if saved != json!(port) && saved != json!(port.to_string()) {
            faults.push(format!("port {saved} instead of {port}"));
        }
    }
    Ok(faults)
}

/// A session of the first node, which ends on the second.
fn session(nodes: &[SocketAddr]) -> Result<Vec<String>> {
    let cookie = sign_in(nodes[0])?;
    let mut faults = Vec::new();
    let mut check = |is_signed_in: bool, when: &str| {
        for answer in on_all(nodes, &cookie, "/outbox")? {
            if (answer.status == 200) != is_signed_in {
                faults.push(format!("{} {when}", answer.status));
            }
        }
        anyhow::Ok(())
    };
    check(true, "while it lasts")?;
    let headers =
        "Content-Type: application/x-www-form-urlencoded\r\nSec-Fetch-Site: same-origin\r\n";
    let answer = Client::connect(nodes[1], &cookie)?.ask("POST", "/logout", headers, b"")?;
    expect(answer, 303, "signing out")?;
    check(false, "after its end")?;
    Ok(faults)
}

/// Mails of an account with a limit, submitted to the nodes in turn, and read on all of them.
fn limit(cluster: &Cluster, nodes: &[SocketAddr]) -> Result<Vec<String>> {
    let email = "limited@example.org";
    let token = cluster.plans[0].account(email, "user")?;
    let mut administrator = Client::with_token(nodes[0], &cluster.token)?;
    let accounts = expect(administrator.get("/api/accounts")?, 200, "the accounts")?.json()?;
    let accounts = accounts["data"].as_array().context("no accounts")?;
    let account = accounts.iter().find(|account| account["email"] == email);
    let id = account.and_then(|account| account["id"].as_str());
    let path = format!("/api/accounts/{}/limits", id.context("no account")?);
    let body = json!({ "max_per_day": LIMIT }).to_string();
    let headers = "Content-Type: application/json\r\n";
    let answer = administrator.ask("PUT", &path, headers, body.as_bytes())?;
    expect(answer, 200, "setting a limit")?;
    sleep(LIMIT_DELAY);

    let mut accepted = Vec::new();
    let mut faults = Vec::new();
    for (number, node) in nodes.iter().cycle().take(SUBMITTED).enumerate() {
        // The relay takes only mail of the producers.
        let to = format!("{REFUSED}limited{number}@example.net");
        let mail = json!({ "to": to, "subject": "Limited", "text": "Hello" });
        let mut client = Client::with_token(*node, &token)?;
        let answer = client.post("/api/messages/send-email", "", &mail)?;
        match answer.status {
            202 => accepted.extend(ids(&answer.json()?)),
            429 => {}
            other => faults.push(format!("{other} to a mail")),
        }
    }
    if accepted.len() != LIMIT {
        faults.push(format!(
            "{} mails accepted of {LIMIT} a day",
            accepted.len()
        ));
    }
    for id in &accepted {
        let path = format!("/api/messages/{id}");
        let answers = on_all(nodes, &bearer(&cluster.token), &path)?;
        let unknown = answers.iter().filter(|answer| answer.status != 200);
        faults.extend(unknown.map(|answer| format!("{} for mail {id}", answer.status)));
    }
    Ok(faults)
}

/// A check of the relay that the first node is asked for: all nodes report the same one.
fn health_check(cluster: &Cluster, nodes: &[SocketAddr]) -> Result<Vec<String>> {
    let mut client = Client::with_token(nodes[0], &cluster.token)?;
    let relays = expect(client.get("/api/relays")?, 200, "the relays")?.json()?;
    let id = relays["data"][0]["id"].as_str().context("no relay")?;
    let check = format!("/api/relays/{id}/check");
    let path = format!("/api/relays/{id}/health");
    let reported = || -> Result<Vec<Value>> {
        let mut reported = Vec::new();
        for answer in on_all(nodes, &bearer(&cluster.token), &path)? {
            let health = answer.json()?["data"]["health"].clone();
            reported.push(json!([health["state"], health["checked_at"]]));
        }
        Ok(reported)
    };
    let mut faults = Vec::new();
    let mut last = Value::Null;
    for _ in 0..2 {
        expect(client.post(&check, "", &json!({}))?, 200, "a check")?;
        let mut found = Vec::new();
        let is_shared = until(CHECK_TIMEOUT, Duration::from_millis(100), || {
            found = reported().unwrap_or_default();
            let Some(first) = found.first() else {
                return false;
            };
            let is_checked = first[0] == "healthy" && !first[1].is_null();
            is_checked && *first != last && found.iter().all(|one| one == first)
        });
        if !is_shared {
            faults.push(format!("{found:?} after {last}"));
        }
        last = found.first().cloned().unwrap_or_default();
        // Times are reported in seconds.
        sleep(Duration::from_millis(1100));
    }
    Ok(faults)
}
