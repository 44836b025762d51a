//! Time-outs of the steps of a transaction.

use std::time::Duration;

use crate::smtp::transaction::Command;

/// The time-out for writing a piece of the message (RFC 5321 section 4.5.3.2.5).
pub(super) const DATA_BLOCK_TIMEOUT: Duration = Duration::from_secs(180);

/// The slowest rate, in octets a second, at which a relay may take a message as a whole. A block of 64 KiB may
/// take 3 min, at which rate a message of 25 MiB would keep its connection for 20 h.
const SLOWEST_RATE: u64 = 4 * 1024;

/// The time-out for writing a whole message of this number of octets.
pub(super) fn body_timeout(octets: u64) -> Duration {
    DATA_BLOCK_TIMEOUT + Duration::from_secs(octets / SLOWEST_RATE)
}

/// The time-out for the reply to the end of data (RFC 5321 section 4.5.3.2.6).
pub(super) const DATA_END_TIMEOUT: Duration = Duration::from_secs(600);

/// The time-outs for the replies to the commands of a transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct TransactionTimeouts {
    mail: Duration,
    rcpt: Duration,
    data: Duration,
}

impl TransactionTimeouts {
    /// The time-outs of delivery (RFC 5321 sections 4.5.3.2.2 to 4.5.3.2.4): a relay may look up the
    /// sender and query other servers about a recipient before it replies, and a mail whose session ends
    /// too early is sent again.
    pub const DELIVERY: Self = Self {
        mail: Duration::from_secs(300),
        rcpt: Duration::from_secs(300),
        data: Duration::from_secs(120),
    };

    /// The same time-out for each command, for a test or a diagnosis.
    pub fn of_settings(command_timeout: Duration) -> Self {
        Self {
            mail: command_timeout,
            rcpt: command_timeout,
            data: command_timeout,
        }
    }

    /// The time-out for the reply to a command. The reply to BDAT is the reply to the message.
    pub fn of(&self, command: Command) -> Duration {
        match command {
            Command::Rset | Command::Mail => self.mail,
            Command::Rcpt => self.rcpt,
            Command::Data => self.data,
            Command::Bdat => DATA_END_TIMEOUT,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use domain::{Fault, Form, Label, Stage};
    use rustls::RootCertStore;
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::Instant;

    use super::super::{BrokenSession, Relay, Session};
    use super::body_timeout;
    use crate::smtp::{
        AddressPolicy, Dialer, Envelope, OutgoingMessage, Resolver, SessionObserver,
    };

    /// The point at which a relay stops: before the reply to a command, before the body is read, or
    /// before the reply to the message.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Silent {
        At(&'static str),
        Body,
        End,
    }

    /// Whether the relay has stopped.
    type Stopped = Arc<AtomicBool>;

    /// Replies to everything up to the point at which it stops, and keeps the connection. The clock of these tests
    /// is paused, and a relay of testkit runs on a thread, for which time passes.
    async fn serve(tcp: TcpStream, silent: Silent, stopped: Stopped) {
        let mut stream = BufReader::new(tcp);
        let mut reply = "220 relay.test ESMTP\r\n".to_owned();
        loop {
            stream.write_all(reply.as_bytes()).await.expect("writes");
            let mut line = String::new();
            stream.read_line(&mut line).await.expect("a command");
            let command = line.split([' ', '\r']).next().unwrap_or_default();
            let command = command.to_owned();
            let is_body = matches!(&*command, "DATA" | "BDAT");
            let is_silent = matches!(silent, Silent::At(silent) if silent == command);
            if is_silent || is_body && silent == Silent::Body {
                if command == "DATA" && silent == Silent::Body {
                    stream.write_all(b"354 go on\r\n").await.expect("writes");
                }
                break;
            }
            reply = match &*command {
                "EHLO" => "250-relay.test\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
                "DATA" => {
                    stream.write_all(b"354 go on\r\n").await.expect("writes");
                    while line != ".\r\n" {
                        line.clear();
                        stream.read_line(&mut line).await.expect("the message");
                    }
                    "250 queued\r\n"
                }
                "BDAT" => {
                    let size = line
                        .split_whitespace()
                        .nth(1)
                        .and_then(|size| size.parse().ok());
                    let mut chunk = vec![0; size.expect("a size")];
                    stream.read_exact(&mut chunk).await.expect("the message");
                    "250 queued\r\n"
                }
                _ => "250 ok\r\n",
            }
            .to_owned();
            if is_body && silent == Silent::End {
                break;
            }
        }
        stopped.store(true, Ordering::Relaxed);
        std::future::pending::<()>().await;
        drop(stream);
    }

    /// Delivers a message to a relay that stops, and returns why the session broke.
    async fn broken(silent: Silent, octets: usize, chunking: bool) -> BrokenSession {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let stopped = Stopped::default();
        let of_relay = stopped.clone();
        tokio::spawn(async move {
            let (tcp, _) = listener.accept().await.expect("a client");
            // With Nagle's algorithm the second of two replies would wait for the acknowledgement of the
            // first.
            tcp.set_nodelay(true).expect("an option");
            serve(tcp, silent, of_relay).await;
        });
        // The paused clock advances while no task is ready; before the relay stops it must not.
        tokio::spawn(async move {
            while !stopped.load(Ordering::Relaxed) {
                tokio::task::yield_now().await;
            }
            // The client first reads the replies that the relay has written.
            for _ in 0..10_000 {
                tokio::task::yield_now().await;
            }
        });
        let form = Form::default()
            .with(Label::FromAddress, "alerts@example.org")
            .with(Label::Host, "127.0.0.1")
            .with(Label::Port, &port.to_string())
            .with(Label::CommandTimeout, "1");
        let relay = Relay {
            settings: form.parse().expect("valid"),
            password: None,
        };
        let resolver = Resolver::system().expect("a resolver");
        let dialer = Dialer::with(AddressPolicy::default(), resolver, RootCertStore::empty());
        let dialer = dialer.expect("TLS");
        let observer = SessionObserver::none();
        let session = Session::open(&dialer, &relay, &observer).await;
        let mut session = session.expect("opens");
        session.use_delivery_timeouts();
        let line = [&[b'x'; 510][..], b"\r\n"].concat();
        let message = [b"Subject: Fire\r\n\r\n", &line.repeat(octets / 512)[..]].concat();
        let outgoing = Arc::new(OutgoingMessage {
            envelope: Envelope {
                from: Some("alerts@example.org".parse().expect("an address")),
                to: vec!["desk@example.net".parse().expect("an address")],
                dsn: None,
            },
            message: message.into(),
        });
        let outcome = match chunking {
            true => {
                let refused = session.send_ahead(&outgoing).await;
                assert!(refused.expect("goes out").is_none());
                session.next_result().await
            }
            false => session.deliver(&outgoing, None).await,
        };
        outcome.expect_err("no reply")
    }

    #[test]
    fn the_time_for_a_message_follows_from_its_size() {
        for (octets, seconds) in [
            (0, 180),
            (4095, 180),
            (64 * 1024, 196),
            (256 * 1024, 244),
            (25 * 1024 * 1024, 6580),
        ] {
            assert_eq!(body_timeout(octets).as_secs(), seconds, "{octets}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_relay_has_the_time_of_rfc_5321_at_each_stage() {
        // The message is larger than the buffers of both sockets.
        const LARGE: usize = 32 * 1024 * 1024;
        for (silent, octets, chunking, stage, seconds) in [
            (Silent::At("MAIL"), 512, false, Stage::Mail, 300),
            (Silent::At("RCPT"), 512, false, Stage::Rcpt, 300),
            (Silent::At("DATA"), 512, false, Stage::Data, 120),
            (Silent::Body, LARGE, false, Stage::Data, 180),
            (Silent::End, 512, false, Stage::Data, 600),
            (Silent::At("MAIL"), 512, true, Stage::Mail, 300),
            (Silent::At("RCPT"), 512, true, Stage::Rcpt, 300),
            (Silent::Body, LARGE, true, Stage::Data, 180),
            (Silent::End, 512, true, Stage::Data, 600),
        ] {
            let begun = Instant::now();
            let broken = broken(silent, octets, chunking).await;
            let failure = (broken.failure.stage, broken.failure.fault);
            let case = format!("{silent:?}, chunking {chunking}");
            assert_eq!(failure, (stage, Fault::TimedOut), "{case}");
            assert_eq!(begun.elapsed().as_secs(), seconds, "{case}");
            let is_slow = broken.failure.detail.contains("octets of the mail");
            assert_eq!(is_slow, silent == Silent::Body, "{case}");
            // With BDAT the whole message goes out behind MAIL.
            let is_written = silent == Silent::End || chunking && silent != Silent::Body;
            assert_eq!(broken.may_have_arrived, is_written, "{case}");
        }
    }
}
