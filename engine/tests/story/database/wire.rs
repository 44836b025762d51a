//! A TCP proxy in front of PostgreSQL that a story can cut or silence.

use std::net::{Ipv4Addr, SocketAddr};

use engine::{Config, Postern};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::environment::TestEnv;
use crate::wait::wait_for;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Condition {
    #[default]
    Whole,
    /// Closes open connections and refuses new ones.
    Cut,
    /// Keeps connections open and forwards nothing.
    Silent,
}

/// A running proxy. It ends with the test.
pub struct Wire {
    condition: watch::Sender<Condition>,
    /// The number of connections refused while it was cut.
    turned_away: watch::Sender<usize>,
}

impl TestEnv {
    /// The same environment, whose node connects to PostgreSQL through a proxy.
    pub async fn over_a_wire(self) -> (Self, Wire) {
        let address = self.config.database.clone().expect("PostgreSQL");
        let mut address: url::Url = address.parse().expect("an address");
        let host = address.host_str().expect("a host").to_owned();
        let there = format!("{host}:{}", address.port().unwrap_or(5432));
        let (wire, here) = Wire::to(there).await;
        address.set_ip_host(here.ip()).expect("a host");
        address.set_port(Some(here.port())).expect("a port");
        let config = Config {
            database: Some(address.to_string()),
            ..self.config.clone()
        };
        let postern = Postern::open(config).await.expect("Postern opens");
        (Self { postern, ..self }, wire)
    }
}

impl Wire {
    async fn to(there: String) -> (Self, SocketAddr) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a port");
        let here = listener.local_addr().expect("an address");
        let wire = Self {
            condition: watch::Sender::default(),
            turned_away: watch::Sender::default(),
        };
        let (condition, turned_away) = (wire.condition.clone(), wire.turned_away.clone());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (there, mut condition) = (there.clone(), condition.subscribe());
                if *condition.borrow() == Condition::Cut {
                    turned_away.send_modify(|number| *number += 1);
                    continue;
                }
                tokio::spawn(async move {
                    if let Some(_open) = carry(near, there, &mut condition).await {
                        std::future::pending::<()>().await;
                    }
                });
            }
        });
        (wire, here)
    }

    pub fn cut(&self) {
        self.condition.send_replace(Condition::Cut);
    }

    pub fn goes_silent(&self) {
        self.condition.send_replace(Condition::Silent);
    }

    /// Forwards new connections again.
    pub fn mends(&self) {
        self.condition.send_replace(Condition::Whole);
    }

    /// Waits until this number of connections was refused.
    pub async fn turns_away(&self, number: usize) {
        wait_for("connections that are turned away", async || {
            let turned_away = *self.turned_away.borrow();
            (turned_away >= number).then_some(()).ok_or(turned_away)
        })
        .await;
    }
}

/// Forwards a connection until the proxy is cut or silenced. Returns both sides if they stay open.
async fn carry(
    mut near: TcpStream,
    there: String,
    condition: &mut watch::Receiver<Condition>,
) -> Option<(TcpStream, Option<TcpStream>)> {
    let mut far = None;
    if *condition.borrow() == Condition::Whole {
        let far = far.insert(TcpStream::connect(there).await.expect("PostgreSQL"));
        tokio::select! {
            _ = copy_bidirectional(&mut near, far) => return None,
            _ = condition.wait_for(|condition| *condition != Condition::Whole) => {}
        }
    }
    let silent = *condition.borrow() == Condition::Silent;
    silent.then_some((near, far))
}
