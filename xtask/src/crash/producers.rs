//! Applications that hand mail over while Postern dies under them, and write down what they were told.

use super::ledger::{Outcome, Submission, address, ids};
use crate::rig::{http::Client, random::Random, until};
use anyhow::{Result, bail};
use serde_json::{Value, json};
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle, sleep},
    time::Duration,
};

/// How often one asks again whether Postern is back.
const PAUSE: Duration = Duration::from_millis(10);

/// How long the first answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What all applications share.
pub struct SubmissionLog {
    pub submissions: Mutex<Vec<Submission>>,
    /// Mails that were acknowledged.
    pub acknowledged: AtomicU64,
    /// Mails that arrived, as the relay counts them.
    pub receipts: AtomicU64,
    next: AtomicU64,
    ended: AtomicBool,
    paused: AtomicBool,
    /// How many mails may wait: at the end they all have to leave.
    backlog: u64,
}

pub struct Producers {
    shared: Arc<SubmissionLog>,
    threads: Vec<JoinHandle<()>>,
}

/// How an application hands mail over.
#[derive(Clone, Copy)]
enum SubmissionKind {
    /// One mail a request, some to two recipients.
    Single,
    /// Up to 20 mails a request.
    Array,
    /// With an Idempotency-Key, and again with the same until there is an answer.
    Keyed,
    /// What has to be refused: alone, or an array of which one mail is wrong.
    Wrong,
}

const SUBMISSION_KINDS: [SubmissionKind; 6] = [
    SubmissionKind::Single,
    SubmissionKind::Single,
    SubmissionKind::Single,
    SubmissionKind::Array,
    SubmissionKind::Keyed,
    SubmissionKind::Wrong,
];

impl SubmissionLog {
    pub fn new(backlog: u64) -> Arc<Self> {
        Arc::new(Self {
            submissions: Mutex::default(),
            acknowledged: AtomicU64::new(0),
            receipts: AtomicU64::new(0),
            next: AtomicU64::new(1),
            ended: AtomicBool::new(false),
            paused: AtomicBool::new(false),
            backlog,
        })
    }

    pub fn submission(&self) -> Vec<Submission> {
        let submissions = self
            .submissions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        submissions.clone()
    }

    /// Nothing new is handed over meanwhile.
    pub fn pause(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
    }

    fn ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    fn waits(&self) -> bool {
        let acknowledged = self.acknowledged.load(Ordering::Relaxed);
        let is_full = acknowledged > self.receipts.load(Ordering::Relaxed) + self.backlog;
        is_full || self.paused.load(Ordering::Relaxed)
    }
}

impl Producers {
    /// They take turns among the nodes: each has one.
    pub fn start(
        shared: Arc<SubmissionLog>,
        nodes: &[SocketAddr],
        token: &str,
        random: &mut Random,
    ) -> Self {
        let threads = SUBMISSION_KINDS
            .iter()
            .zip(nodes.iter().cycle())
            .map(|(kind, node)| {
                let mut producer = Producer {
                    kind: *kind,
                    node: *node,
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

    /// Comes back when a mail was acknowledged: before that nothing can be lost.
    pub fn acknowledged(&self) -> Result<()> {
        let acknowledged = || self.shared.acknowledged.load(Ordering::Relaxed) > 0;
        if !until(PATIENCE, PAUSE, acknowledged) {
            bail!("no mail was acknowledged in {PATIENCE:?}");
        }
        Ok(())
    }

    /// Comes back when the last has had its answer, or has given up waiting for it.
    pub fn stop(self) -> Result<()> {
        self.shared.ended.store(true, Ordering::Relaxed);
        for thread in self.threads {
            if thread.join().is_err() {
                bail!("an application was told what it does not understand");
            }
        }
        Ok(())
    }
}

struct Producer {
    kind: SubmissionKind,
    node: SocketAddr,
    token: String,
    random: Random,
    shared: Arc<SubmissionLog>,
    client: Option<Client>,
}

impl Producer {
    fn run(&mut self) {
        while !self.shared.ended() {
            if self.shared.waits() {
                sleep(PAUSE);
            } else {
                self.submit();
            }
            if matches!(self.kind, SubmissionKind::Wrong) {
                // Refusing costs little, and would leave the others no time.
                sleep(PAUSE);
            }
        }
    }

    fn submit(&mut self) {
        let count = match self.kind {
            SubmissionKind::Array => self.random.between(2, 20),
            SubmissionKind::Wrong => self.random.between(1, 3),
            SubmissionKind::Single | SubmissionKind::Keyed => 1,
        };
        let batch = self.shared.next.fetch_add(count, Ordering::Relaxed);
        let mut mails: Vec<Submission> = (batch..batch + count)
            .map(|number| Submission {
                number,
                recipients: if self.random.once_in(4) { 2 } else { 1 },
                batch,
                outcome: Outcome::Unknown,
            })
            .collect();
        let mut bodies: Vec<Value> = mails.iter().map(body).collect();
        if let (SubmissionKind::Wrong, Some(last)) = (self.kind, bodies.last_mut()) {
            last["to"] = json!("nobody");
        }
        let body = match (self.kind, bodies.len()) {
            (SubmissionKind::Array, _) | (_, 2..) => Value::Array(bodies),
            _ => bodies.remove(0),
        };
        for (mail, answer) in mails
            .iter_mut()
            .zip(self.answers(batch, &body, count as usize))
        {
            mail.outcome = answer;
        }
        let acknowledged = mails
            .iter()
            .filter(|mail| matches!(mail.outcome, Outcome::Acknowledged(_)));
        let acknowledged = acknowledged.count() as u64;
        self.shared
            .acknowledged
            .fetch_add(acknowledged, Ordering::Relaxed);
        let mut submissions = self
            .shared
            .submissions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        submissions.append(&mut mails);
    }

    /// What became of each mail of a request.
    fn answers(&mut self, batch: u64, body: &Value, count: usize) -> Vec<Outcome> {
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
                // Too much at once, or the first request with this key has no answer yet.
                Ok((409 | 429, _)) => sleep(PAUSE),
                Ok((400..500, _)) => return vec![Outcome::Refused; count],
                Ok(_) if !again => return vec![Outcome::Unknown; count],
                Err(_) if !again => {
                    sleep(PAUSE);
                    return vec![Outcome::Unknown; count];
                }
                Ok(_) | Err(_) => sleep(PAUSE),
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

fn body(mail: &Submission) -> Value {
    let number = mail.number;
    let to: Vec<String> = (1..=mail.recipients)
        .map(|recipient| address(number, recipient))
        .collect();
    json!({
        "to": to,
        "subject": format!("Number {number}"),
        "text": format!("This is number {number}.\n").repeat(40),
        "headers": { "X-Number": number.to_string() },
    })
}
