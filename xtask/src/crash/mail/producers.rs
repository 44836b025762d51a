//! Threads that submit mail while Postern crashes, and record each response.

use super::{
    ledger::{Outcome, Submission, ids},
    smtp::SmtpSubmitter,
};
use crate::rig::{http::Client, postern::Plan, random::Random, until};
use anyhow::{Context, Result, bail};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle, sleep},
    time::Duration,
};

/// Pause before a retry.
const RETRY_PAUSE: Duration = Duration::from_millis(10);

/// Of so many mails one names the webhook, if it is submitted over HTTP. Its events are sent one at a time.
const NAMES_WEBHOOK: u64 = 64;

/// Limit for the first acknowledgement.
const FIRST_RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);

/// The state that all producers and the relay share.
pub struct SubmissionLog {
    pub submissions: Mutex<Vec<Submission>>,
    /// Number of acknowledged mails.
    pub acknowledged: AtomicU64,
    /// Number of mails that the relay received.
    pub receipts: AtomicU64,
    next: AtomicU64,
    ended: AtomicBool,
    paused: AtomicBool,
    /// The id of the webhook that mails name.
    webhook: OnceLock<String>,
    /// Producers pause while more acknowledged mails than this have not arrived.
    max_backlog: u64,
}

/// Where producers submit mail to a node, or to several behind a proxy.
#[derive(Clone, Copy)]
pub struct Entrance {
    pub http: SocketAddr,
    pub smtp: SocketAddr,
}

impl Entrance {
    /// That of a node which accepts mail over SMTP.
    pub fn of(plan: &Plan) -> Result<Self> {
        Ok(Self {
            http: plan.address,
            smtp: plan.submission.context("the node accepts no SMTP")?,
        })
    }
}

pub struct Producers {
    shared: Arc<SubmissionLog>,
    threads: Vec<JoinHandle<()>>,
}

/// How a producer submits mail.
#[derive(Clone, Copy)]
enum SubmissionKind {
    /// One mail per request, some with two recipients.
    Single,
    /// Up to 20 mails per request.
    Array,
    /// With an `Idempotency-Key`, repeated until there is a response.
    Keyed,
    /// Invalid: a single mail, or an array in which one mail is invalid.
    Invalid,
    /// Over SMTP, one mail at a time with up to three recipients, of which the relay refuses some.
    Smtp,
}

// Each of two nodes has one over SMTP.
const SUBMISSION_KINDS: [SubmissionKind; 7] = [
    SubmissionKind::Single,
    SubmissionKind::Single,
    SubmissionKind::Array,
    SubmissionKind::Keyed,
    SubmissionKind::Invalid,
    SubmissionKind::Smtp,
    SubmissionKind::Smtp,
];

impl SubmissionLog {
    pub fn new(max_backlog: u64) -> Arc<Self> {
        Arc::new(Self {
            submissions: Mutex::default(),
            acknowledged: AtomicU64::new(0),
            receipts: AtomicU64::new(0),
            next: AtomicU64::new(1),
            ended: AtomicBool::new(false),
            paused: AtomicBool::new(false),
            webhook: OnceLock::new(),
            max_backlog,
        })
    }

    pub fn submissions(&self) -> Vec<Submission> {
        self.submissions.lock().clone()
    }

    /// Has mails name a webhook, by its id. To be called once, before producers start.
    pub fn name_webhook(&self, id: String) {
        let _ = self.webhook.set(id);
    }

    /// Pauses or resumes all producers.
    pub fn pause(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
    }

    /// Number of acknowledged mails that have not arrived.
    pub fn backlog(&self) -> u64 {
        let acknowledged = self.acknowledged.load(Ordering::Relaxed);
        acknowledged.saturating_sub(self.receipts.load(Ordering::Relaxed))
    }

    fn ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    fn is_paused(&self) -> bool {
        self.backlog() > self.max_backlog || self.paused.load(Ordering::Relaxed)
    }
}

impl Producers {
    /// Starts one thread per kind of submission; the entrances are assigned in turn.
    pub fn start(
        shared: Arc<SubmissionLog>,
        entrances: &[Entrance],
        token: &str,
        random: &mut Random,
    ) -> Self {
        let threads =
            SUBMISSION_KINDS
                .iter()
                .zip(entrances.iter().cycle())
                .map(|(kind, entrance)| {
                    let mut producer = Producer {
                        kind: *kind,
                        node: entrance.http,
                        smtp: SmtpSubmitter::new(entrance.smtp, Random::new(random.next())),
                        token: token.to_owned(),
                        random: Random::new(random.next()),
                        shared: Arc::clone(&shared),
                        client: None,
                    };
                    thread::spawn(move || producer.run())
                });
        Self {
            threads: threads.collect(),
            shared,
        }
    }

    /// Waits for the first acknowledged mail: before it nothing can be lost.
    pub fn wait_for_first(&self) -> Result<()> {
        let acknowledged = || self.shared.acknowledged.load(Ordering::Relaxed) > 0;
        if !until(FIRST_RESPONSE_TIMEOUT, RETRY_PAUSE, acknowledged) {
            bail!("no mail was acknowledged in {FIRST_RESPONSE_TIMEOUT:?}");
        }
        Ok(())
    }

    /// Stops all producers after their current request.
    pub fn stop(self) -> Result<()> {
        self.shared.ended.store(true, Ordering::Relaxed);
        for thread in self.threads {
            if thread.join().is_err() {
                bail!("a producer received an unexpected response");
            }
        }
        Ok(())
    }
}

struct Producer {
    kind: SubmissionKind,
    node: SocketAddr,
    smtp: SmtpSubmitter,
    token: String,
    random: Random,
    shared: Arc<SubmissionLog>,
    client: Option<Client>,
}

impl Producer {
    fn run(&mut self) {
        while !self.shared.ended() {
            if self.shared.is_paused() {
                sleep(RETRY_PAUSE);
            } else {
                self.submit();
            }
            if matches!(self.kind, SubmissionKind::Invalid) {
                // Refusals are cheap and would take all the time of the other producers.
                sleep(RETRY_PAUSE);
            }
        }
    }

    fn submit(&mut self) {
        let count = match self.kind {
            SubmissionKind::Array => self.random.between(2, 20),
            SubmissionKind::Invalid => self.random.between(1, 3),
            SubmissionKind::Single | SubmissionKind::Keyed | SubmissionKind::Smtp => 1,
        };
        let batch = self.shared.next.fetch_add(count, Ordering::Relaxed);
        let mut mails: Vec<Submission> = (batch..batch + count)
            .map(|number| self.mail(number, batch))
            .collect();
        let outcomes: Vec<Outcome> = match self.kind {
            SubmissionKind::Smtp => mails.iter().map(|mail| self.over_smtp(mail)).collect(),
            _ => self.over_http(batch, &mails),
        };
        for (mail, outcome) in mails.iter_mut().zip(outcomes) {
            mail.outcome = outcome;
        }
        let acknowledged = mails
            .iter()
            .filter(|mail| matches!(mail.outcome, Outcome::Acknowledged(_)));
        let acknowledged = acknowledged.count() as u64;
        self.shared
            .acknowledged
            .fetch_add(acknowledged, Ordering::Relaxed);
        self.shared.submissions.lock().append(&mut mails);
    }

    /// A mail that is not submitted yet. Only the sender of a mail over SMTP receives reports.
    fn mail(&mut self, number: u64, batch: u64) -> Submission {
        let (recipients, refused) = match self.kind {
            SubmissionKind::Smtp => {
                let recipients = self.random.between(1, 3);
                let refuses = self.random.once_in(2);
                let refused = if refuses {
                    self.random.between(0, recipients)
                } else {
                    0
                };
                (recipients, refused)
            }
            _ => (if self.random.once_in(4) { 2 } else { 1 }, 0),
        };
        let is_over_http = !matches!(self.kind, SubmissionKind::Smtp);
        let has_webhook = self.shared.webhook.get().is_some() && is_over_http;
        Submission {
            number,
            recipients,
            refused,
            batch,
            names_webhook: has_webhook && number.is_multiple_of(NAMES_WEBHOOK),
            outcome: Outcome::Unknown,
        }
    }

    fn over_smtp(&mut self, mail: &Submission) -> Outcome {
        let outcome = self.smtp.submit(mail);
        if outcome == Outcome::Unknown {
            sleep(RETRY_PAUSE);
        }
        outcome
    }

    /// Submits mails in one request.
    fn over_http(&mut self, batch: u64, mails: &[Submission]) -> Vec<Outcome> {
        let webhook = self.shared.webhook.get();
        let bodies = mails.iter().map(|mail| body(mail, webhook));
        let mut bodies: Vec<Value> = bodies.collect();
        if let (SubmissionKind::Invalid, Some(last)) = (self.kind, bodies.last_mut()) {
            last["to"] = json!("nobody");
        }
        let body = match (self.kind, bodies.len()) {
            (SubmissionKind::Array, _) | (_, 2..) => Value::Array(bodies),
            _ => bodies.remove(0),
        };
        self.outcomes(batch, &body, mails.len())
    }

    /// Submits one request and returns the outcome of each of its mails.
    fn outcomes(&mut self, batch: u64, body: &Value, count: usize) -> Vec<Outcome> {
        let headers = match self.kind {
            SubmissionKind::Keyed => format!("Idempotency-Key: key-{batch}\r\n"),
            _ => String::new(),
        };
        loop {
            let again = matches!(self.kind, SubmissionKind::Keyed) && !self.shared.ended();
            match self.ask(&headers, body) {
                Ok((202, answer)) => {
                    let ids = ids(&answer);
                    assert_eq!(ids.len(), count, "one id for each mail: {answer}");
                    return ids.into_iter().map(Outcome::Acknowledged).collect();
                }
                // Rate limited, or the first request with this key is still in progress.
                Ok((409 | 429, _)) => sleep(RETRY_PAUSE),
                Ok((400..500, _)) => return vec![Outcome::Refused; count],
                Ok(_) if !again => return vec![Outcome::Unknown; count],
                Err(_) if !again => {
                    sleep(RETRY_PAUSE);
                    return vec![Outcome::Unknown; count];
                }
                Ok(_) | Err(_) => sleep(RETRY_PAUSE),
            }
        }
    }

    fn ask(&mut self, headers: &str, body: &Value) -> io::Result<(u16, Value)> {
        let mut client = match self.client.take() {
            Some(client) => client,
            None => Client::with_token(self.node, &self.token)?,
        };
        let answer = client.post("/api/messages/send-email", headers, body)?;
        self.client = Some(client);
        Ok((answer.status, answer.json().unwrap_or_default()))
    }
}

fn body(mail: &Submission, webhook: Option<&String>) -> Value {
    let number = mail.number;
    let mut body = json!({
        "to": mail.addresses(),
        "subject": format!("Number {number}"),
        "text": format!("This is number {number}.\n").repeat(40),
        "headers": { "X-Number": number.to_string() },
    });
    if let Some(webhook) = webhook.filter(|_| mail.names_webhook) {
        body["webhook"] = json!(webhook);
    }
    body
}
