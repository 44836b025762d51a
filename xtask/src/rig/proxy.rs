//! A TCP proxy that adds latency, spreads connections over servers, and can be cut or closed.

use anyhow::Result;
use parking_lot::{Condvar, Mutex};
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Weak, mpsc::channel},
    thread::{self, sleep},
    time::{Duration, Instant},
};

/// A proxy on loopback. It is closed on drop.
pub struct Proxy {
    pub address: SocketAddr,
    link: Arc<Link>,
}

/// What the threads of a proxy share.
struct Link {
    servers: Vec<SocketAddr>,
    /// The latency of each direction.
    delay: Duration,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    condition: Condition,
    /// Connections from before this one stay silent.
    first: u64,
    next: u64,
    connections: Vec<Weak<Connection>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Open,
    /// Nothing passes, not even the end of a connection.
    Cut,
    /// Connections are closed at once.
    Closed,
}

struct Connection {
    number: u64,
    client: TcpStream,
    server: TcpStream,
}

impl Proxy {
    /// Starts a proxy for several servers, which are assigned in turn; those that refuse a connection
    /// are skipped.
    pub fn start(servers: &[SocketAddr]) -> Result<Self> {
        Self::with_delay(servers, Duration::ZERO)
    }

    /// Starts a proxy with this latency of each direction. It does not limit the bandwidth.
    pub fn with_delay(servers: &[SocketAddr], delay: Duration) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let link = Arc::new(Link {
            servers: servers.to_vec(),
            delay,
            state: Mutex::new(State {
                condition: Condition::Open,
                first: 0,
                next: 0,
                connections: Vec::new(),
            }),
            changed: Condvar::new(),
        });
        let proxy = Self {
            address: listener.local_addr()?,
            link: Arc::clone(&link),
        };
        thread::spawn(move || {
            for (number, client) in listener.incoming().map_while(Result::ok).enumerate() {
                link.carry(client, number);
            }
        });
        Ok(proxy)
    }

    /// Lets nothing pass: as where a cable is unplugged, neither side learns of it. What is sent
    /// meanwhile, and the end of a connection, arrives after [`Proxy::open`], as TCP repeats it.
    pub fn cut(&self) {
        self.link.set(Condition::Cut);
    }

    /// Closes all connections and each new one, as where the server is killed. What did not pass
    /// before is lost.
    pub fn close(&self) {
        self.link.set(Condition::Closed);
        let connections = std::mem::take(&mut self.link.state.lock().connections);
        for connection in connections.iter().filter_map(Weak::upgrade) {
            let _ = connection.client.shutdown(Shutdown::Both);
            let _ = connection.server.shutdown(Shutdown::Both);
        }
    }

    /// Lets everything pass again.
    pub fn open(&self) {
        self.link.set(Condition::Open);
    }

    /// Lets new connections pass. Those from before stay silent and neither side learns of it, as
    /// where a firewall has lost its state.
    pub fn open_to_new(&self) {
        {
            let mut state = self.link.state.lock();
            state.first = state.next;
        }
        self.open();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.close();
    }
}

impl Link {
    fn set(&self, condition: Condition) {
        self.state.lock().condition = condition;
        self.changed.notify_all();
    }

    /// Waits while a connection is cut; whether it is open then.
    fn passes(&self, number: u64) -> bool {
        let is_cut = |state: &mut State| match state.condition {
            Condition::Open => number < state.first,
            Condition::Cut => true,
            Condition::Closed => false,
        };
        let mut state = self.state.lock();
        self.changed.wait_while(&mut state, is_cut);
        state.condition == Condition::Open
    }

    /// Connects a client with the server whose turn it is.
    fn carry(self: &Arc<Self>, client: TcpStream, number: usize) {
        if !self.passes(u64::MAX) {
            return;
        }
        let servers = self.servers.len();
        let turns = self.servers.iter().cycle().skip(number % servers);
        let connected = turns
            .take(servers)
            .find_map(|one| TcpStream::connect(one).ok());
        let Some(server) = connected else {
            return;
        };
        let connection = {
            let mut state = self.state.lock();
            let number = state.next;
            state.next += 1;
            let connection = Arc::new(Connection {
                number,
                client,
                server,
            });
            state.connections.retain(|known| known.strong_count() > 0);
            state.connections.push(Arc::downgrade(&connection));
            connection
        };
        self.forward(&connection, |connection| {
            (&connection.client, &connection.server)
        });
        self.forward(&connection, |connection| {
            (&connection.server, &connection.client)
        });
    }

    /// Forwards one direction in two threads: one takes octets as they come, one sends them when they
    /// are due.
    fn forward(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        direction: fn(&Connection) -> (&TcpStream, &TcpStream),
    ) {
        let (sender, arriving) = channel::<(Instant, Vec<u8>)>();
        let (incoming, outgoing) = (Arc::clone(connection), Arc::clone(connection));
        let (link, delay) = (Arc::clone(self), self.delay);
        thread::spawn(move || {
            let (mut from, _) = direction(&incoming);
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(read @ 1..) = from.read(&mut buffer) {
                let due = Instant::now() + delay;
                if sender.send((due, buffer[..read].to_vec())).is_err() {
                    break;
                }
            }
        });
        thread::spawn(move || {
            let (_, mut to) = direction(&outgoing);
            let _ = to.set_nodelay(true);
            for (due, bytes) in arriving {
                sleep(due.saturating_duration_since(Instant::now()));
                if !link.passes(outgoing.number) || to.write_all(&bytes).is_err() {
                    break;
                }
            }
            link.passes(outgoing.number);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    /// A server that sends its number and then what it receives.
    fn server(number: u8) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                thread::spawn(move || {
                    let _ = stream.write_all(&[number]);
                    let mut octet = [0];
                    while stream.read_exact(&mut octet).is_ok() {
                        let _ = stream.write_all(&octet);
                    }
                });
            }
        });
        address
    }

    fn octet(stream: &mut TcpStream) -> std::io::Result<u8> {
        let mut octet = [0];
        stream.read_exact(&mut octet).map(|()| octet[0])
    }

    #[test]
    fn connections_are_spread_over_servers_that_listen() {
        let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let servers = [server(1), gone.local_addr().unwrap(), server(2)];
        drop(gone);
        let proxy = Proxy::start(&servers).unwrap();
        let numbers: Vec<u8> = (0..6)
            .map(|_| octet(&mut TcpStream::connect(proxy.address).unwrap()).unwrap())
            .collect();
        assert_eq!(numbers, [1, 2, 2, 1, 2, 2]);
    }

    #[test]
    fn nothing_passes_a_cut_until_it_is_healed() {
        let proxy = Proxy::start(&[server(1)]).unwrap();
        let mut client = TcpStream::connect(proxy.address).unwrap();
        assert_eq!(octet(&mut client).unwrap(), 1);
        proxy.cut();
        client.write_all(b"x").unwrap();
        let limit = Some(Duration::from_millis(100));
        client.set_read_timeout(limit).unwrap();
        let kind = octet(&mut client).unwrap_err().kind();
        assert_eq!(kind, ErrorKind::WouldBlock);
        client.set_read_timeout(None).unwrap();
        proxy.open();
        assert_eq!(octet(&mut client).unwrap(), b'x');
    }

    #[test]
    fn connections_from_before_stay_silent_where_the_state_is_lost() {
        let proxy = Proxy::start(&[server(1)]).unwrap();
        let mut client = TcpStream::connect(proxy.address).unwrap();
        assert_eq!(octet(&mut client).unwrap(), 1);
        proxy.cut();
        client.write_all(b"x").unwrap();
        proxy.open_to_new();
        let again = octet(&mut TcpStream::connect(proxy.address).unwrap());
        assert_eq!(again.unwrap(), 1);
        let limit = Some(Duration::from_millis(100));
        client.set_read_timeout(limit).unwrap();
        let kind = octet(&mut client).unwrap_err().kind();
        assert_eq!(kind, ErrorKind::WouldBlock);
    }

    #[test]
    fn a_closed_proxy_ends_connections_and_opens_again() {
        let proxy = Proxy::start(&[server(1)]).unwrap();
        let mut client = TcpStream::connect(proxy.address).unwrap();
        assert_eq!(octet(&mut client).unwrap(), 1);
        proxy.close();
        assert!(octet(&mut client).is_err());
        assert!(octet(&mut TcpStream::connect(proxy.address).unwrap()).is_err());
        proxy.open();
        let again = octet(&mut TcpStream::connect(proxy.address).unwrap());
        assert_eq!(again.unwrap(), 1);
    }
}
