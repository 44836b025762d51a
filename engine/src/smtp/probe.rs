//! Following every way to a relay at once, each to the end of EHLO. No password is sent.

use std::sync::Arc;
use std::time::Duration;

use domain::probe::{Attempt, ProbeResult};
use domain::{AuthenticationType, CertificateCheck, Failure, Fault, SmtpSettings, Stage, Trace};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::smtp::{Dialer, Relay, Session, SessionObserver};

/// A way as a whole, whatever the relay does.
const LIMIT: Duration = Duration::from_secs(20);

/// Makes all connections at the same time, and tells of each as soon as EHLO was answered or it
/// failed. `manner` says how: the name in EHLO and the times; where to, how and with whose password
/// are not taken from it. Comes back when every relay was said goodbye to. Dropping it ends all.
pub async fn probe(
    dialer: &Dialer,
    attempts: &[Attempt],
    manner: &SmtpSettings,
    mut tell: impl FnMut(ProbeResult),
) {
    let tls_speaks: Vec<Notify> = attempts.iter().map(|_| Notify::new()).collect();
    let mut opening: FuturesUnordered<_> = attempts
        .iter()
        .zip(&tls_speaks)
        .map(|(attempt, tls_speaks)| async move {
            let (found, session) = follow(dialer, attempt, manner, tls_speaks).await;
            (attempt, found, session)
        })
        .collect();
    let mut leaving = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some((attempt, found, session)) = opening.next() => {
                found.into_iter().for_each(&mut tell);
                if session.is_some() && attempt.implicit {
                    let beside = |other: &Attempt| (&other.host, other.port) == (&attempt.host, attempt.port);
                    let beside = attempts.iter().zip(&tls_speaks).filter(|(other, _)| beside(other));
                    beside.for_each(|(_, tls_speaks)| tls_speaks.notify_one());
                }
                leaving.extend(session.map(Session::quit));
            }
            Some(()) = leaving.next() => {}
            else => return,
        }
    }
}

/// What a connection shows, and the session if there is one. `tls_speaks` is notified when the same
/// port turned out to speak TLS from the first byte: there is no greeting to wait for then.
async fn follow(
    dialer: &Dialer,
    attempt: &Attempt,
    manner: &SmtpSettings,
    tls_speaks: &Notify,
) -> (Vec<ProbeResult>, Option<Session>) {
    let trace = Arc::new(Mutex::new(Trace::default()));
    let heard = trace.clone();
    let observer = SessionObserver::new(move |event| lock(&heard).apply(event));
    let relay = Relay {
        settings: settings(attempt, manner),
        password: None,
    };
    let opening = timeout(LIMIT, Session::open(dialer, &relay, &observer));
    tokio::pin!(opening);
    let opened = tokio::select! {
        biased;
        opened = &mut opening => opened,
        () = tls_speaks.notified(), if !attempt.implicit => match observer.stage() {
            Some(Stage::Greeting) => Ok(Err(unspoken())),
            _ => opening.await,
        },
    };
    let opened = opened.unwrap_or_else(|_| Err(too_long(&observer)));
    match &opened {
        Ok(_) => observer.passed(),
        Err(failure) => observer.failed(failure.stage),
    }
    let failure = opened.as_ref().err();
    let found = attempt.results(&lock(&trace), failure, &relay.settings, observer.elapsed());
    (found, opened.ok())
}

/// Without a check of the certificate, so that its fault does not hide what lies behind it.
fn settings(attempt: &Attempt, manner: &SmtpSettings) -> SmtpSettings {
    SmtpSettings {
        host: attempt.host.clone(),
        port: attempt.port,
        connection: attempt.connection_type(),
        authentication: AuthenticationType::None,
        certificate_check: match manner.certificate_check {
            CertificateCheck::Trusted => CertificateCheck::Trusted,
            // Judged all the same, and followed on.
            CertificateCheck::Verify | CertificateCheck::Off => CertificateCheck::Off,
        },
        plaintext_auth: false,
        ..manner.clone()
    }
}

fn unspoken() -> Failure {
    let detail = "nothing is said before TLS, which is expected from the first byte";
    Failure::new(Stage::Greeting, Fault::TimedOut, detail)
}

fn too_long(observer: &SessionObserver) -> Failure {
    let stage = observer.stage().unwrap_or(Stage::Dns);
    let detail = format!("it took longer than {} s and was ended", LIMIT.as_secs());
    Failure::new(stage, Fault::Deadline, detail)
}

fn lock(trace: &Mutex<Trace>) -> MutexGuard<'_, Trace> {
    trace.lock()
}
