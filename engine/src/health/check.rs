//! A check of a relay: a session up to the sign-in and NOOP, without MAIL.

use std::time::Duration;

use domain::cause::{self, Observation};
use domain::health::HealthFailure;
use domain::sanitize::{printable, truncate};
use domain::{Failure, Fault, Stage};
use tokio::time::timeout;

use crate::smtp::{Dialer, Relay, Session, SessionObserver};
use crate::store::Scope;

/// The maximum duration of a check. Its stages have the time-outs of the settings.
pub(super) const CHECK_TIMEOUT: Duration = Duration::from_secs(60);

/// The longest reply that is kept, in characters.
const REPLY_MAX: usize = 500;

/// A relay that is checked, as of a revision of its settings.
pub(super) struct CheckedRelay {
    pub scope: Scope,
    pub name: String,
    pub revision: i64,
    /// Whether the number of its connections is limited.
    pub is_limited: bool,
    pub relay: Relay,
}

/// A check that failed.
pub(super) struct FailedCheck {
    pub failure: HealthFailure,
    /// Whether the relay refused just one more connection: it answered and closed.
    pub is_busy: bool,
}

/// Connects, encrypts and signs in as delivery does, sends NOOP and QUIT.
///
/// # Errors
/// The first stage that failed, and its cause.
pub(super) async fn check(dialer: &Dialer, relay: &Relay) -> Result<(), FailedCheck> {
    let observer = SessionObserver::new(|_| {});
    let session = timeout(CHECK_TIMEOUT, session(dialer, relay, &observer));
    let outcome = session.await.unwrap_or_else(|_| {
        let stage = observer.stage().unwrap_or(Stage::Dns);
        let detail = format!("the check took longer than {} s", CHECK_TIMEOUT.as_secs());
        Err(Failure::new(stage, Fault::Deadline, detail))
    });
    outcome.map_err(|failure| failed(&failure, relay, &observer))
}

async fn session(
    dialer: &Dialer,
    relay: &Relay,
    observer: &SessionObserver,
) -> Result<(), Failure> {
    let mut session = Session::open(dialer, relay, observer).await?;
    let ready = session.noop().await;
    if ready.as_ref().err().is_none_or(Failure::session_usable) {
        session.quit().await;
    }
    ready
}

fn failed(failure: &Failure, relay: &Relay, observer: &SessionObserver) -> FailedCheck {
    let settings = &relay.settings;
    let found = cause::find(&Observation {
        failure,
        settings,
        encrypted: observer.encryption().is_some(),
        capabilities: &observer.capabilities(),
        sender: settings.from_address.as_str(),
        recipient: None,
    });
    let summary = match found {
        Some(finding) => finding.cause.cause.to_owned(),
        None => printable(&failure.to_string(), REPLY_MAX),
    };
    let reply = failure.reply.as_ref();
    let code = reply.map(|reply| reply.code);
    FailedCheck {
        failure: HealthFailure {
            stage: failure.stage,
            summary,
            reply: reply.map(|reply| truncate(reply.to_line(), REPLY_MAX)),
        },
        is_busy: code == Some(421)
            || failure.stage == Stage::Greeting && matches!(code, Some(400..500)),
    }
}
