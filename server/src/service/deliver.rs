//! `postern deliver`, and the delivery task of `postern serve`.

use std::error::Error;
use std::fs::File;
use std::process::ExitCode;
use std::time::Duration;

use domain::timestamp::DAY;
use engine::{DeliveryConfig, Postern, Retention};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::open::open_service;
use super::{health_checks, key_maintenance};
use crate::cli::{DeliveryArgs, HealthArgs};
use crate::commands::bootstrap::{Bootstrap, host};
use crate::process::data_folder::{self, DataFolderError};
use crate::process::service_manager::ServiceManager;
use crate::process::signals::{GRACE, Signals};
#[cfg(feature = "otel")]
use crate::traces;

/// Delivers until it is stopped by a signal.
pub async fn deliver(
    bootstrap: Bootstrap,
    how: DeliveryArgs,
    health: HealthArgs,
) -> Result<ExitCode, Box<dyn Error>> {
    let deliverer = Deliverer::new(&bootstrap, how)?;
    let manager = ServiceManager::from_environment();
    let mut signals = Signals::listen()?;
    let opened = open_service(bootstrap, host(), &manager, &mut signals).await?;
    let Some(postern) = opened else {
        return Ok(ExitCode::SUCCESS);
    };
    #[cfg(feature = "otel")]
    let traces = traces::Traces::start(&postern)?;
    let (stop, stopped) = watch::channel(false);
    health_checks::start(&postern, health, stopped.clone());
    key_maintenance::start(&postern, stopped.clone());
    let mut delivery = deliverer.start(&postern, stopped.clone());
    tracing::info!("delivering");
    manager.ready();
    manager.watch(&postern, stopped);
    tokio::select! {
        error = fails(Some(&mut delivery)) => return Err(error),
        () = signals.next() => {
            tracing::info!("stopping; a second signal stops at once");
            manager.stopping();
            stop.send_replace(true);
            tokio::select! {
                ended = &mut delivery => ended?,
                () = signals.next() => return Ok(ExitCode::FAILURE),
            }
        }
    }
    postern.close().await;
    #[cfg(feature = "otel")]
    traces.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Waits until the delivery task ends although it was not stopped; for ever where there is none. The
/// process then exits with this error, so that its service manager starts it again.
pub async fn fails(delivery: Option<&mut JoinHandle<()>>) -> Box<dyn Error> {
    let Some(delivery) = delivery else {
        return std::future::pending().await;
    };
    let why = match delivery.await {
        Ok(()) => "it ended".to_owned(),
        Err(error) => error.to_string(),
    };
    format!("delivery has failed: {why}; start postern again, no mail is lost").into()
}

/// A delivery task to start. A data folder has at most one.
pub struct Deliverer {
    how: DeliveryArgs,
    lock: Option<File>,
}

impl Deliverer {
    pub fn new(bootstrap: &Bootstrap, how: DeliveryArgs) -> Result<Self, DataFolderError> {
        let lock = bootstrap
            .is_local()
            .then(|| data_folder::lock_delivery(&bootstrap.data));
        Ok(Self {
            how,
            lock: lock.transpose()?,
        })
    }

    /// Delivers until `stopped` is true, and finishes deliveries in progress.
    pub fn start(self, postern: &Postern, mut stopped: watch::Receiver<bool>) -> JoinHandle<()> {
        let days = |days: u16| DAY * u32::from(days);
        let config = DeliveryConfig {
            connections: usize::from(self.how.relay_connections),
            in_doubt: usize::from(self.how.in_doubt),
            lease: Duration::from_secs(self.how.lease_seconds.into()),
            retention: Retention {
                bodies: days(self.how.keep_bodies),
                rows: days(self.how.keep_rows),
                suppressions: days(self.how.keep_suppressions),
                audit: days(self.how.keep_audit),
            },
        };
        let postern = postern.clone();
        tokio::spawn(async move {
            let stop = async {
                drop(stopped.wait_for(|stop| *stop).await);
            };
            postern.delivery().run(config, GRACE, stop).await;
            drop(self.lock);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::fails;

    #[tokio::test]
    async fn an_unexpected_end_of_delivery_is_one_line() {
        let panics = || panic!("no such mail");
        for (mut delivery, why) in [
            (tokio::spawn(async {}), "it ended"),
            (tokio::spawn(async move { panics() }), "no such mail"),
        ] {
            let error = fails(Some(&mut delivery)).await.to_string();
            assert!(error.starts_with("delivery has failed: "), "{error}");
            assert!(error.contains(why), "{error}");
        }
    }
}
