//! Connecting to the fastest of several addresses: Happy Eyeballs (RFC 8305).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use domain::diagnosis::event::{ConnectAttempt, ConnectOutcome};
use domain::{Event, Failure, Fault, Stage};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

use crate::smtp::observer::SessionObserver;

/// The delay before the next address is tried besides those running (RFC 8305 section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// The most addresses of a host that are tried.
const ADDRESSES_MAX: usize = 16;

/// Orders addresses: IPv6 and IPv4 in turn, IPv6 first (RFC 8305 section 4), each once and at most
/// [`ADDRESSES_MAX`].
pub(super) fn interleave(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let (v6, v4): (Vec<_>, Vec<_>) = addresses.into_iter().partition(IpAddr::is_ipv6);
    let (mut v6, mut v4) = (v6.into_iter(), v4.into_iter());
    let mut ordered = Vec::new();
    loop {
        let pair = [v6.next(), v4.next()];
        if pair == [None, None] {
            ordered.truncate(ADDRESSES_MAX);
            return ordered;
        }
        for address in pair.into_iter().flatten() {
            if !ordered.contains(&address) {
                ordered.push(address);
            }
        }
    }
}

/// A connection attempt to one address.
#[derive(Clone, Copy)]
struct Started {
    target: SocketAddr,
    at: Instant,
}

impl Started {
    fn new(target: SocketAddr) -> Self {
        Self {
            target,
            at: Instant::now(),
        }
    }

    fn report(self, observer: &SessionObserver, outcome: ConnectOutcome) {
        observer.emit(|| {
            Event::Tried(ConnectAttempt {
                address: self.target.to_string(),
                outcome,
                milliseconds: self.at.elapsed().into(),
            })
        });
    }
}

/// Reports addresses that are not tried because the operator denies them.
pub(super) fn report_denied(denied: &[SocketAddr], observer: &SessionObserver) {
    for target in denied {
        Started::new(*target).report(observer, ConnectOutcome::NotAllowed);
    }
}

/// Connects to the first address that accepts; the attempts that are still running are dropped.
/// Each has the time `within`.
///
/// # Errors
/// Where no address accepts, the failure that came furthest, with the details of all.
pub(super) async fn race(
    targets: Vec<SocketAddr>,
    within: Duration,
    observer: &SessionObserver,
) -> Result<TcpStream, Failure> {
    let mut waiting = targets.into_iter();
    let mut running = FuturesUnordered::new();
    let mut unfinished: Vec<Started> = Vec::new();
    let mut failures: Vec<Failure> = Vec::new();
    let mut next_start = Instant::now();
    loop {
        tokio::select! {
            biased;
            Some((started, outcome)) = running.next() => {
                let started: Started = started;
                let reported = match &outcome {
                    Ok(_) => ConnectOutcome::Connected,
                    Err(failure) => reported_outcome(failure),
                };
                started.report(observer, reported);
                unfinished.retain(|other| other.target != started.target);
                match outcome {
                    Ok(tcp) => {
                        for started in unfinished {
                            started.report(observer, ConnectOutcome::GivenUp);
                        }
                        return Ok(tcp);
                    }
                    Err(failure) => {
                        failures.push(failure);
                        next_start = Instant::now();
                    }
                }
            },
            () = sleep_until(next_start), if waiting.len() > 0 => {
                if let Some(target) = waiting.next() {
                    let started = Started::new(target);
                    unfinished.push(started);
                    running.push(async move { (started, attempt(target, within).await) });
                }
                next_start = Instant::now() + ATTEMPT_DELAY;
            }
            else => return Err(furthest(failures)),
        }
    }
}

async fn attempt(target: SocketAddr, within: Duration) -> Result<TcpStream, Failure> {
    let failed = |fault, detail| Err(Failure::new(Stage::Tcp, fault, detail));
    match timeout(within, TcpStream::connect(target)).await {
        Ok(Ok(tcp)) => Ok(tcp),
        Ok(Err(error)) => match error.kind() {
            io::ErrorKind::ConnectionRefused => failed(
                Fault::ConnectionRefused,
                format!("{target} refused the connection"),
            ),
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
                failed(Fault::Reset, format!("{target} cut the connection"))
            }
            io::ErrorKind::TimedOut => failed(Fault::NoAnswer, format!("no answer from {target}")),
            _ => failed(Fault::Unreachable, format!("{target}: {error}")),
        },
        Err(_) => failed(
            Fault::NoAnswer,
            format!("no answer from {target} within {} s", within.as_secs()),
        ),
    }
}

/// The outcome that an observer gets for a failed attempt.
fn reported_outcome(failure: &Failure) -> ConnectOutcome {
    match failure.fault {
        Fault::ConnectionRefused => ConnectOutcome::Refused,
        Fault::NoAnswer => ConnectOutcome::NoAnswer,
        Fault::Reset => ConnectOutcome::Reset,
        _ => ConnectOutcome::Unreachable,
    }
}

/// The failure that came furthest, with the details of all.
fn furthest(failures: Vec<Failure>) -> Failure {
    let progress = |failure: &Failure| match failure.fault {
        Fault::Reset => 3,
        Fault::ConnectionRefused => 2,
        Fault::NoAnswer => 1,
        _ => 0,
    };
    let detail = failures
        .iter()
        .map(|failure| failure.detail.as_str())
        .collect::<Vec<_>>()
        .join("; ");
    let fault = failures
        .into_iter()
        .max_by_key(progress)
        .map_or(Fault::Unreachable, |failure| failure.fault);
    Failure::new(Stage::Tcp, fault, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns() {
        assert_eq!(
            interleave(addresses(&[
                "192.0.2.1",
                "192.0.2.2",
                "192.0.2.1",
                "2001:db8::1"
            ])),
            addresses(&["2001:db8::1", "192.0.2.1", "192.0.2.2"])
        );
        let many = (0..100).map(|n| IpAddr::from([192, 0, 2, n])).collect();
        assert_eq!(interleave(many).len(), ADDRESSES_MAX);
    }
}
