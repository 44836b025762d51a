//! Applications that hand mail over while Postern dies under them, and write down what they were told.

use super::ledger::{Answer, Handed, address, ids};
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
pub struct Shared {
    pub handed: Mutex<Vec<Handed>>,
    /// Mails that were acknowledged.
    pub acknowledged: AtomicU64,
    /// Mails that arrived, as the relay counts them.
    pub arrived: AtomicU64,
    next: AtomicU64,
    ended: AtomicBool,
    paused: AtomicBool,
    /// How many mails may wait: at the end they all have to leave.
    backlog: u64,
}

pub struct Producers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// How an application hands mail over.
#[derive(Clone, Copy)]
enum Way {
    /// One mail a request, some to two recipients.
    Single,
    /// Up to 20 mails a request.
    Array,
    /// With an Idempotency-Key, and again with the same until there is an answer.
    Keyed,
    /// What has to be refused: alone, or an array of which one mail is wrong.
    Wrong,
}

const WAYS: [Way; 6] = [
    Way::Single,
    Way::Single,
    Way::Single,
    Way::Array,
    Way::Keyed,
    Way::Wrong,
];

impl Shared {
    pub fn new(backlog: u64) -> Arc<Self> {
        Arc::new(Self {
            handed: Mutex::default(),
            acknowledged: AtomicU64::new(0),
            arrived: AtomicU64::new(0),
            next: AtomicU64::new(1),
            ended: AtomicBool::new(false),
            paused: AtomicBool::new(false),
            backlog,
        })
    }

    pub fn handed(&self) -> Vec<Handed> {
        let handed = self.handed.lock().unwrap_or_else(PoisonError::into_inner);
        handed.clone()
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
        let is_full = acknowledged > self.arrived.load(Ordering::Relaxed) + self.backlog;
        is_full || self.paused.load(Ordering::Relaxed)
    }
}

impl Producers {
    /// They take turns among the nodes: each has one.
    pub fn start(
        shared: Arc<Shared>,
        nodes: &[SocketAddr],
        token: &str,
        random: &mut Random,
    ) -> Self {
        let threads = WAYS.iter().zip(nodes.iter().cycle()).map(|(way, node)| {
            let mut producer = Producer {
                way: *way,
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
    way: Way,
    node: SocketAddr,
    token: String,
    random: Random,
    shared: Arc<Shared>,
    client: Option<Client>,
}

impl Producer {
    fn run(&mut self) {
        while !self.shared.ended() {
            if self.shared.waits() {
                sleep(PAUSE);
            } else {
                self.hand_over();
            }
            if matches!(self.way, Way::Wrong) {
                // Refusing costs little, and would leave the others no time.
                sleep(PAUSE);
            }
        }
    }

    fn hand_over(&mut self) {
        let count = match self.way {
            Way::Array => self.random.between(2, 20),
            Way::Wrong => self.random.between(1, 3),
            Way::Single | Way::Keyed => 1,
        };
        let batch = self.shared.next.fetch_add(count, Ordering::Relaxed);
        let mut mails: Vec<Handed> = (batch..batch + count)
            .map(|number| Handed {
                number,
                recipients: if self.random.once_in(4) { 2 } else { 1 },
                batch,
                answer: Answer::Unknown,
            })
            .collect();
        let mut bodies: Vec<Value> = mails.iter().map(body).collect();
        if let (Way::Wrong, Some(last)) = (self.way, bodies.last_mut()) {
            last["to"] = json!("nobody");
        }
        let body = match (self.way, bodies.len()) {
            (Way::Array, _) | (_, 2..) => Value::Array(bodies),
            _ => bodies.remove(0),
        };
        for (mail, answer) in mails
            .iter_mut()
            .zip(self.answers(batch, &body, count as usize))
        {
            mail.answer = answer;
        }
        let acknowledged = mails
            .iter()
            .filter(|mail| matches!(mail.answer, Answer::Acknowledged(_)));
        let acknowledged = acknowledged.count() as u64;
        self.shared
            .acknowledged
            .fetch_add(acknowledged, Ordering::Relaxed);
        let mut handed = self
            .shared
            .handed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        handed.append(&mut mails);
    }

    /// What became of each mail of a request.
    fn answers(&mut self, batch: u64, body: &Value, count: usize) -> Vec<Answer> {
        let headers = match self.way {
            Way::Keyed => format!("Idempotency-Key: key-{batch}\r\n"),
            _ => String::new(),
        };
        loop {
            let again = matches!(self.way, Way::Keyed) && !self.shared.ended();
            match self.ask(&headers, body) {
                Ok((202, answer)) => {
                    let ids = ids(&answer);
                    assert_eq!(ids.len(), count, "one id for each mail: {answer}");
                    return ids.into_iter().map(Answer::Acknowledged).collect();
                }
                // Too much at once, or the first request with this key has no answer yet.
                Ok((409 | 429, _)) => sleep(PAUSE),
                Ok((400..500, _)) => return vec![Answer::Refused; count],
                Ok(_) if !again => return vec![Answer::Unknown; count],
                Err(_) if !again => {
                    sleep(PAUSE);
                    return vec![Answer::Unknown; count];
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

fn body(mail: &Handed) -> Value {
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
