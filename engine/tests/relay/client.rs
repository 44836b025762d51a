//! The client in the tests: settings, one message, and the outcome of sending it.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use domain::cause::{self, Observation};
use domain::{Event, Failure, Fault, Form, Label, Reply, SecretString, Stage};
use engine::smtp::{
    AddressPolicy, Dialer, Envelope, OutgoingMessage, Relay, Resolver, Session, SessionObserver,
};
use hickory_resolver::Hosts;
use hickory_resolver::config::{ResolverConfig, ResolverOpts};
use testkit::pki;
use tokio::time::Instant;

/// Both time-outs where the relay does not answer, in seconds. The test waits for as long.
const SHORT_TIMEOUT: u64 = 1;

/// Both time-outs where the relay answers, in seconds: what a busy machine may need.
const LONG_TIMEOUT: u64 = 10;

pub const PASSWORD: &str = "correct horse battery staple";

/// A client with settings and a message to send.
#[derive(Clone)]
pub struct Client {
    pub form: Form,
    pub password: Option<SecretString>,
    pub from: String,
    pub to: Vec<String>,
    pub message: Vec<u8>,
    pub dialer: Dialer,
}

/// The outcome of sending a message.
#[derive(Debug)]
pub struct Outcome {
    pub result: Result<Reply, Failure>,
    pub stages: Vec<Stage>,
    pub encryption: Option<String>,
    pub took: Duration,
}

impl Client {
    /// A client of a relay, by its address, with connection type and authentication `None`.
    pub fn of(relay: &testkit::Relay) -> Self {
        let client = Self::at("127.0.0.1", relay.address.port());
        if relay.keeps_clients_waiting {
            client.with_short_timeouts()
        } else {
            client
        }
    }

    pub fn at(host: &str, port: u16) -> Self {
        Self {
            form: Form::default()
                .with(Label::FromAddress, "alerts@example.org")
                .with(Label::Host, host)
                .with(Label::Port, &port.to_string())
                .with(Label::ConnectTimeout, &LONG_TIMEOUT.to_string())
                .with(Label::CommandTimeout, &LONG_TIMEOUT.to_string()),
            password: None,
            from: "alerts@example.org".to_owned(),
            to: vec!["desk@example.net".to_owned()],
            message: b"Subject: hello\r\n\r\nhello\r\n".to_vec(),
            dialer: dialer(
                AddressPolicy::default(),
                resolver("127.0.0.1 relay.test other.test"),
            ),
        }
    }

    /// With time-outs of 1 s, for a relay that does not answer.
    pub fn with_short_timeouts(self) -> Self {
        self.with(Label::ConnectTimeout, &SHORT_TIMEOUT.to_string())
            .with(Label::CommandTimeout, &SHORT_TIMEOUT.to_string())
    }

    pub fn with(mut self, label: Label, value: &str) -> Self {
        self.form.set(label, value);
        self
    }

    /// Signs in with [`PASSWORD`].
    pub fn signing_in(self, authentication: &str) -> Self {
        Self {
            password: Some(SecretString::new(PASSWORD)),
            ..self
                .with(Label::AuthenticationType, authentication)
                .with(Label::Username, "alerts")
        }
    }

    pub fn to(mut self, recipients: &[&str]) -> Self {
        self.to = recipients.iter().map(|to| (*to).to_owned()).collect();
        self
    }

    pub fn message(mut self, message: impl Into<Vec<u8>>) -> Self {
        self.message = message.into();
        self
    }

    pub fn relay(&self) -> Relay {
        Relay {
            settings: self.form.parse().expect("valid settings"),
            password: self.password.clone(),
        }
    }

    pub fn envelope(&self) -> Envelope {
        Envelope {
            from: Some(self.from.parse().expect("an address")),
            to: self
                .to
                .iter()
                .map(|to| to.parse().expect("an address"))
                .collect(),
            dsn: None,
        }
    }

    /// The message as [`Session::deliver`] takes it.
    pub fn outgoing(&self) -> Arc<OutgoingMessage> {
        Arc::new(OutgoingMessage {
            envelope: self.envelope(),
            message: self.message.as_slice().into(),
        })
    }

    /// A session without an observer.
    pub async fn session(&self) -> Session {
        let opened = Session::open(&self.dialer, &self.relay(), &SessionObserver::none()).await;
        opened.expect("a session")
    }

    /// The title of a failure's cause, on an unencrypted connection.
    pub fn cause(&self, failure: &Failure) -> Option<&'static str> {
        let found = cause::find(&Observation {
            failure,
            settings: &self.relay().settings,
            encrypted: false,
            capabilities: &[],
            sender: "alerts@example.org",
            recipient: None,
        });
        found.map(|found| found.cause.title)
    }

    /// Opens, sends and quits.
    pub async fn send(&self) -> Outcome {
        let begun = Instant::now();
        let (sender, events) = channel();
        let observer = SessionObserver::new(move |event| sender.send(event).expect("a receiver"));
        let mut encryption = None;
        let result = match Session::open(&self.dialer, &self.relay(), &observer).await {
            Err(failure) => Err(failure),
            Ok(mut session) => {
                encryption = session.encryption().map(str::to_owned);
                let result = session.send(&self.envelope(), &self.message).await;
                session.quit().await;
                result
            }
        };
        drop(observer);
        let stages = events.iter().filter_map(|event| match event {
            Event::Began { stage, .. } => Some(stage),
            _ => None,
        });
        Outcome {
            result,
            stages: stages.collect(),
            encryption,
            took: begun.elapsed(),
        }
    }
}

impl Outcome {
    /// The failure, which must come before a time-out.
    #[track_caller]
    pub fn failure(self) -> Failure {
        assert!(
            self.took < Duration::from_secs(LONG_TIMEOUT),
            "took {:?}: {:?}",
            self.took,
            self.result
        );
        self.result.expect_err("a failure")
    }

    #[track_caller]
    pub fn fails(self, stage: Stage, fault: Fault) -> Failure {
        let failure = self.failure();
        assert_eq!(
            (failure.stage, &failure.fault),
            (stage, &fault),
            "{failure:?}"
        );
        let explained = !failure.detail.is_empty() || failure.reply.is_some();
        assert!(explained, "no text in {failure:?}");
        failure
    }

    /// The failure, which must be a rejection with this code.
    #[track_caller]
    pub fn rejected(self, stage: Stage, code: u16) -> Failure {
        let failure = self.fails(stage, Fault::Rejected);
        let reply = failure.reply.as_ref().expect("the relay's words");
        assert_eq!(reply.code, code);
        failure
    }

    #[track_caller]
    pub fn delivery(self) -> Reply {
        self.result.unwrap_or_else(|failure| panic!("{failure:?}"))
    }
}

pub fn dialer(policy: AddressPolicy, resolver: Resolver) -> Dialer {
    Dialer::with(policy, resolver, pki::roots()).expect("a dialer")
}

/// A resolver that knows these hosts and has no name server.
pub fn resolver(hosts: &str) -> Resolver {
    resolver_with(
        ResolverConfig::from_parts(None, Vec::new(), Vec::new()),
        hosts,
    )
}

pub fn resolver_with(config: ResolverConfig, hosts: &str) -> Resolver {
    let mut known = Hosts::default();
    known
        .read_hosts_conf(hosts.as_bytes())
        .expect("a hosts file");
    Resolver::new(config, ResolverOpts::default(), known).expect("a resolver")
}
