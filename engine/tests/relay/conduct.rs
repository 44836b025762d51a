//! What a relay of the tests does at each point of the dialogue.

use std::time::Duration;

use tokio_rustls::TlsAcceptor;

/// What a relay does instead of what is expected of it.
#[derive(Clone, Debug)]
pub enum Act {
    /// Says these bytes and goes on.
    Say(Vec<u8>),
    /// Says these bytes as soon as something comes, and goes on.
    Interrupt(Vec<u8>),
    /// Throws away what came already, says these bytes and goes on.
    Flush(Vec<u8>),
    /// Says these bytes and hangs up.
    SayAndClose(Vec<u8>),
    /// Hangs up in good order.
    Close,
    /// Cuts the connection.
    Reset,
    /// Says nothing more, ever.
    Silence,
    /// Says these bytes again and again, with pauses between.
    Repeat(Vec<u8>, Duration),
}

/// A relay that behaves, but for some acts.
#[derive(Clone, Default)]
pub struct Conduct {
    pub offers: Vec<String>,
    /// At which point, which act: `GREETING`, `TLS` (the handshake), a verb, `EHLO-TLS` (the EHLO
    /// within TLS), `RESPONSE` (an answer to a challenge), or `END` (of the mail).
    pub acts: Vec<(&'static str, Act)>,
    pub tls: Option<TlsAcceptor>,
    /// TLS from the first byte.
    pub implicit: bool,
}

impl Conduct {
    /// A relay that offers these extensions.
    pub fn offering(offers: &[&str]) -> Self {
        Self {
            offers: offers.iter().map(|offer| (*offer).to_owned()).collect(),
            ..Self::default()
        }
    }

    pub fn at(mut self, point: &'static str, act: Act) -> Self {
        self.acts.push((point, act));
        self
    }

    /// Says these words, each a reply of one line.
    pub fn saying(self, point: &'static str, words: &str) -> Self {
        self.at(point, Act::Say(format!("{words}\r\n").into_bytes()))
    }

    /// StartTLS, offered and kept.
    pub fn with_tls(mut self, tls: TlsAcceptor) -> Self {
        self.offers.push("STARTTLS".to_owned());
        self.tls = Some(tls);
        self
    }

    /// TLS from the first byte.
    pub fn within_tls(mut self, tls: TlsAcceptor) -> Self {
        self.implicit = true;
        self.tls = Some(tls);
        self
    }

    /// Whether a client waits in vain at some point.
    pub fn keeps_waiting(&self) -> bool {
        let waits = |act: &Act| match act {
            Act::Silence | Act::Flush(_) => true,
            Act::Repeat(_, pause) => !pause.is_zero(),
            _ => false,
        };
        self.acts.iter().any(|(_, act)| waits(act))
    }

    /// The act for a point. Where several are given each serves once, the last one for good.
    pub fn act(&mut self, point: &str) -> Option<Act> {
        let mut found = self
            .acts
            .iter()
            .enumerate()
            .filter(|(_, (at, _))| *at == point);
        let (index, (_, act)) = found.next()?;
        let act = act.clone();
        if found.next().is_some() {
            self.acts.remove(index);
        }
        Some(act)
    }
}
