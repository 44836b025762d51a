//! Probes several ways to connect to a relay at once, each up to EHLO, without a password.

use std::sync::Arc;
use std::time::Duration;

use domain::probe::{Attempt, ProbeResult};
use domain::{AuthenticationType, CertificateCheck, Failure, Fault, SmtpSettings, Stage, Trace};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::dial::Dialer;
use super::observer::SessionObserver;
use super::session::{Relay, Session};

/// The time for one attempt as a whole.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);

/// Makes all connections at the same time and reports each as soon as EHLO was answered or the
/// attempt failed. Returns when every session has ended with QUIT. Dropping the future ends all.
///
/// The EHLO name and the time-outs are those of `template`; host, port, connection type and
/// credentials are not taken from it.
pub async fn probe(
    dialer: &Dialer,
    attempts: &[Attempt],
    template: &SmtpSettings,
    mut report: impl FnMut(ProbeResult),
) {
    let tls_ports: Vec<Notify> = attempts.iter().map(|_| Notify::new()).collect();
    let mut opening: FuturesUnordered<_> = attempts
        .iter()
        .zip(&tls_ports)
        .map(|(attempt, tls_port)| async move {
            let (found, session) = follow(dialer, attempt, template, tls_port).await;
            Followed {
                attempt,
                found,
                session,
            }
        })
        .collect();
    let mut leaving = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some(Followed { attempt, found, session }) = opening.next() => {
                found.into_iter().for_each(&mut report);
                if session.is_some() && attempt.implicit {
                    let same = |other: &Attempt| (&other.host, other.port) == (&attempt.host, attempt.port);
                    let same_port = attempts.iter().zip(&tls_ports).filter(|(other, _)| same(other));
                    same_port.for_each(|(_, tls_port)| tls_port.notify_one());
                }
                leaving.extend(session.map(Session::quit));
            }
            Some(()) = leaving.next() => {}
            else => return,
        }
    }
}

/// An attempt that has ended.
struct Followed<'a> {
    attempt: &'a Attempt,
    found: Vec<ProbeResult>,
    session: Option<Session>,
}

/// Makes one attempt. `tls_port` is notified when the same port turned out to speak TLS from the
/// first byte: then no greeting comes before TLS.
async fn follow(
    dialer: &Dialer,
    attempt: &Attempt,
    template: &SmtpSettings,
    tls_port: &Notify,
) -> (Vec<ProbeResult>, Option<Session>) {
    let trace = Arc::new(Mutex::new(Trace::default()));
    let traced = trace.clone();
    let observer = SessionObserver::new(move |event| traced.lock().apply(event));
    let relay = Relay {
        settings: settings(attempt, template),
        password: None,
    };
    let opening = timeout(ATTEMPT_TIMEOUT, Session::open(dialer, &relay, &observer));
    tokio::pin!(opening);
    let opened = tokio::select! {
        biased;
        opened = &mut opening => opened,
        () = tls_port.notified(), if !attempt.implicit => match observer.stage() {
            Some(Stage::Greeting) => Ok(Err(no_greeting())),
            _ => opening.await,
        },
    };
    let opened = opened.unwrap_or_else(|_| Err(timed_out(&observer)));
    match &opened {
        Ok(_) => observer.passed(),
        Err(failure) => observer.failed(failure.stage),
    }
    let failure = opened.as_ref().err();
    let found = attempt.results(&trace.lock(), failure, &relay.settings, observer.elapsed());
    (found, opened.ok())
}

/// The settings of an attempt: without a certificate check, so that a fault of the certificate does
/// not hide what comes after it.
fn settings(attempt: &Attempt, template: &SmtpSettings) -> SmtpSettings {
    SmtpSettings {
        host: attempt.host.clone(),
        port: attempt.port,
        connection: attempt.connection_type(),
        authentication: AuthenticationType::None,
        certificate_check: match template.certificate_check {
            CertificateCheck::Trusted => CertificateCheck::Trusted,
            // The certificate is validated all the same, and the session goes on.
            CertificateCheck::Verify | CertificateCheck::Off => CertificateCheck::Off,
        },
        plaintext_auth: false,
        ..template.clone()
    }
}

fn no_greeting() -> Failure {
    let detail = "nothing is sent before TLS, which is expected from the first byte";
    Failure::new(Stage::Greeting, Fault::TimedOut, detail)
}

fn timed_out(observer: &SessionObserver) -> Failure {
    let stage = observer.stage().unwrap_or(Stage::Dns);
    let detail = format!(
        "it took longer than {} s and was ended",
        ATTEMPT_TIMEOUT.as_secs()
    );
    Failure::new(stage, Fault::Deadline, detail)
}
