//! A fake relay with rules that a story changes while it runs; it keeps accepted messages.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::wait::wait_for;

/// A mail that was taken.
#[derive(Clone, Debug)]
pub struct Taken {
    pub from: String,
    pub to: Vec<String>,
    pub data: String,
}

/// What is said instead of what is expected, to a line that begins so. `END` stands for the end of
/// a mail, `HELLO` for the greeting. An empty reply hangs up.
type Rule = (String, String);

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    taken: Vec<Taken>,
    open: usize,
    admits: Option<usize>,
    flushes: bool,
    thinks: bool,
    lines: Vec<String>,
}

/// A running relay. It ends with the test.
pub struct Relay {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    changed: watch::Sender<u64>,
}

impl Relay {
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a port");
        let relay = Self {
            address: listener.local_addr().expect("an address"),
            state: Arc::default(),
            changed: watch::Sender::new(0),
        };
        let (state, changed) = (relay.state.clone(), relay.changed.clone());
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let talk = Talk {
                    state: state.clone(),
                    changed: changed.clone(),
                };
                tokio::spawn(async move {
                    talk.opened();
                    talk.serve(tcp).await.ok();
                    lock(&talk.state).open -= 1;
                });
            }
        });
        relay
    }

    /// Says this to lines that begin so, from now on; the newest rule counts.
    pub fn says(&self, line: &str, reply: &str) {
        let rule = (line.to_owned(), reply.to_owned());
        lock(&self.state).rules.insert(0, rule);
    }

    /// Says 421 to whoever comes when so many are there.
    pub fn admits(&self, connections: usize) {
        lock(&self.state).admits = Some(connections);
    }

    /// Throws away what stands behind the end of a mail: it breaks on grouping.
    pub fn flushes(&self) {
        lock(&self.state).flushes = true;
    }

    /// Says nothing at the end of a mail until it behaves.
    pub fn thinks(&self) {
        lock(&self.state).thinks = true;
    }

    /// Behaves from now on.
    pub fn behaves(&self) {
        {
            let mut state = lock(&self.state);
            state.rules.clear();
            state.thinks = false;
        }
        self.changed.send_modify(|count| *count += 1);
    }

    pub fn taken(&self) -> Vec<Taken> {
        lock(&self.state).taken.clone()
    }

    /// The subjects of the mails that it took.
    pub fn subjects(&self) -> Vec<String> {
        let subject = |mail: Taken| {
            let mut lines = mail.data.lines();
            lines.find_map(|line| line.strip_prefix("Subject: ").map(str::to_owned))
        };
        self.taken().into_iter().filter_map(subject).collect()
    }

    pub fn heard(&self, line: &str) -> usize {
        let state = lock(&self.state);
        state
            .lines
            .iter()
            .filter(|heard| heard.starts_with(line))
            .count()
    }

    /// Waits until it has received so many lines with this prefix.
    pub async fn hears(&self, line: &str, times: usize) {
        wait_for(line, async || {
            let lines = &self.state.lock().lines;
            let found = lines.iter().filter(|heard| heard.starts_with(line));
            (found.count() >= times)
                .then_some(())
                .ok_or_else(|| lines.clone())
        })
        .await;
    }

    /// Waits until it accepted so many messages.
    pub async fn takes(&self, mails: usize) -> Vec<Taken> {
        wait_for("messages at the relay", async || {
            let taken = self.taken();
            if taken.len() < mails {
                return Err(format!("{} of {mails}", taken.len()));
            }
            Ok(taken)
        })
        .await
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock()
}

struct Talk {
    state: Arc<Mutex<State>>,
    changed: watch::Sender<u64>,
}

impl Talk {
    fn opened(&self) {
        lock(&self.state).open += 1;
    }

    fn reply(&self, line: &str, expected: &str) -> String {
        let reply = {
            let mut state = lock(&self.state);
            state.lines.push(line.to_owned());
            let rule = state
                .rules
                .iter()
                .find(|(begins, _)| line.starts_with(begins.as_str()));
            rule.map_or(expected, |(_, reply)| reply).to_owned()
        };
        self.changed.send_modify(|count| *count += 1);
        reply
    }

    async fn serve(&self, tcp: TcpStream) -> std::io::Result<()> {
        tcp.set_nodelay(true)?;
        let mut stream = BufReader::new(tcp);
        let full = {
            let state = lock(&self.state);
            state.admits.is_some_and(|most| state.open > most)
        };
        let hello = if full {
            "421 4.7.0 too many"
        } else {
            "220 relay.test"
        };
        let hello = self.reply("HELLO", hello);
        stream.write_all(format!("{hello}\r\n").as_bytes()).await?;
        if full {
            return Ok(());
        }
        let (mut from, mut to) = (String::new(), Vec::new());
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let line = line.trim_end();
            let verb = line.split([' ', ':']).next().unwrap_or_default();
            let expected = match verb {
                "EHLO" => "250-relay.test\r\n250-PIPELINING\r\n250-AUTH PLAIN\r\n250 SIZE 50000000",
                "AUTH" => "235 2.7.0 welcome",
                "DATA" if to.is_empty() => "503 5.5.1 nobody",
                "DATA" => "354 go on",
                "QUIT" => "221 bye",
                _ => "250 2.0.0 Ok",
            };
            let reply = self.reply(line, expected);
            if reply.is_empty() {
                return Ok(());
            }
            stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
            let yes = reply.starts_with(['2', '3']);
            match verb {
                "MAIL" => {
                    from = address(line);
                    to.clear();
                }
                "RCPT" if yes => to.push(address(line)),
                "RSET" => to.clear(),
                "DATA" if yes => {
                    let data = mail(&mut stream).await?;
                    if lock(&self.state).flushes {
                        let behind = stream.buffer().len();
                        stream.consume(behind);
                    }
                    let subject = data.lines().find(|line| line.starts_with("Subject: "));
                    let end = format!("END {}", subject.unwrap_or_default());
                    let mut changes = self.changed.subscribe();
                    let reply = self.reply(&end, "250 2.0.0 queued");
                    while lock(&self.state).thinks {
                        changes.changed().await.map_err(std::io::Error::other)?;
                    }
                    if reply.is_empty() {
                        return Ok(());
                    }
                    if reply.starts_with('2') {
                        let to = std::mem::take(&mut to);
                        let from = from.clone();
                        lock(&self.state).taken.push(Taken { from, to, data });
                        self.changed.send_modify(|count| *count += 1);
                    }
                    to.clear();
                    stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
                }
                "QUIT" => return Ok(()),
                _ => {}
            }
        }
    }
}

async fn mail(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut data = String::new();
    loop {
        let begins = data.len();
        if stream.read_line(&mut data).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if &data[begins..] == ".\r\n" {
            data.truncate(begins);
            return Ok(data);
        }
    }
}

/// What stands in angle brackets.
fn address(line: &str) -> String {
    let inner = line
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or_else(String::new, |(address, _)| address.to_owned())
}
