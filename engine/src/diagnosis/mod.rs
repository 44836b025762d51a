//! The diagnosis service: test mails, diagnoses of a configuration, and probes of a relay.

mod probe;
mod progress;
mod request;
mod run;
mod test_message;

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::Clock;
use crate::audit::Audit;
use crate::rate_limit::RateLimit;
use crate::settings::Settings;
use crate::smtp::Dialer;
use crate::store::Store;

pub use probe::ProbeRequest;
pub use request::{DiagnosisRequest, TO};

/// The field a refused recipient, or a failed test mail, stands under, as in system V.
pub const RECIPIENT: &str = "email_send";

/// The diagnosis service: finds out whether a configuration works, and why not. Cheap to clone.
#[derive(Clone)]
pub struct Diagnosis {
    store: Store,
    clock: Clock,
    audit: Audit,
    settings: Settings,
    dialer: Dialer,
    /// Where people reach the console, as a test mail names it.
    public_url: Arc<str>,
    /// Test mails of each actor.
    tests: Arc<RateLimit>,
    /// Diagnoses and probes of each actor.
    diagnoses: Arc<RateLimit>,
    /// Diagnoses and probes that run at the same time.
    permits: Arc<Semaphore>,
}

impl Diagnosis {
    pub(crate) fn new(
        store: Store,
        clock: Clock,
        audit: Audit,
        settings: Settings,
        dialer: Dialer,
        public_url: &str,
    ) -> Self {
        Self {
            store,
            clock,
            audit,
            settings,
            dialer,
            public_url: public_url.into(),
            tests: Arc::new(RateLimit::a_minute(6)),
            diagnoses: Arc::new(RateLimit::a_minute(12)),
            permits: Arc::new(Semaphore::new(4)),
        }
    }
}
