//! `postern serve`: binds, opens Postern, and runs until a signal stops it.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use app::entrance::setup_path;
use app::interfaces::ProgramFile;
use domain::interface::{InterfaceEncryption, InterfaceKind};

use super::deliver::{self, Deliverer};
use super::open::open_service;
use super::{health_checks, key_maintenance, webhooks};
use crate::cli::{CommandSocketArgs, DeliveryArgs, HealthArgs, ListenArgs, SubmissionArgs};
use crate::command_socket::CommandSocket;
use crate::commands::bootstrap::{Bootstrap, host};
use crate::http;
use crate::http::listener::Limits;
use crate::http::origin::address::TrustedProxies;
use crate::http::origin::allowed_hosts::AllowedHosts;
use crate::http::origin::public_url::PublicUrl;
use crate::http::state::{AppState, SharedState};
use crate::process::service_manager::ServiceManager;
use crate::process::signals::{GRACE, Signals};
use crate::process::{data_folder, open_files};
use crate::sockets::inherited::{COMMAND_SOCKET, HTTP, InheritedSockets, METRICS};
use crate::submission::BoundSubmission;
use crate::tls::{self, CertificateUse};
#[cfg(feature = "otel")]
use crate::traces;

/// Serves HTTP, the command socket and, where there are arguments for it, SMTP; delivers where there are
/// arguments for it, and checks the health of relays.
pub async fn serve(
    bootstrap: Bootstrap,
    listen: ListenArgs,
    command_socket: CommandSocketArgs,
    submission: &SubmissionArgs,
    delivery: Option<DeliveryArgs>,
    health: HealthArgs,
) -> Result<ExitCode, Box<dyn Error>> {
    // An upgrade may replace the file while this waits for a database.
    let program = ProgramFile::running();
    let proxies = TrustedProxies::parse(&listen.trusted_proxies)?;
    let configured = listen
        .public_url
        .as_deref()
        .filter(|url| !url.is_empty())
        .map(PublicUrl::parse)
        .transpose()?;
    let tls = listen.tls.files()?;
    let tls = tls.map(|files| tls::acceptor(files, CertificateUse::Http));
    let tls = tls.transpose()?;
    if tls.is_some() && configured.as_ref().is_some_and(|url| !url.is_https()) {
        return Err("with --tls-cert the public URL begins with https://".into());
    }
    let submission = submission.clone().with_files_of(&listen.tls)?;
    let mut sockets = InheritedSockets::from_environment()?;
    let _lock = data_folder::lock(&bootstrap.data)?;
    let deliverer = delivery
        .map(|how| Deliverer::new(&bootstrap, how))
        .transpose()?;
    let listener = sockets.listen(HTTP, Some(listen.listen)).await?;
    let listener = listener.ok_or("there is no address to listen on; --listen names one")?;
    let metrics_listener = sockets.listen(METRICS, listen.metrics_listen).await?;
    let inherited = sockets.unix(COMMAND_SOCKET)?;
    let command_socket = CommandSocket::open(&command_socket, &bootstrap.data, inherited)?;
    let per_client = listen.max_connections_per_address as usize;
    let submission = BoundSubmission::bind(&submission, per_client, &mut sockets).await?;
    let address = listener.local_addr()?;
    let local_metrics = configured.is_none() && proxies.is_empty();
    let url = configured.unwrap_or_else(|| PublicUrl::of(address, tls.is_some()));
    let manager = ServiceManager::from_environment();
    // From here on, and before the link is printed: its reader may send a signal at once.
    let mut signals = Signals::listen()?;
    let opened = open_service(bootstrap, url.to_string(), &manager, &mut signals).await?;
    let Some(postern) = opened else {
        return Ok(ExitCode::SUCCESS);
    };

    let limits = Limits::new(
        listen
            .max_connections
            .map_or_else(default_connections, |number| number as usize),
        per_client,
        proxies.clone(),
    );
    // Without TLS of its own, a proxy encrypts where the public URL is https.
    let interface = postern.interfaces().open(
        InterfaceKind::Http,
        address.to_string(),
        match &tls {
            Some(_) => InterfaceEncryption::Implicit,
            None => InterfaceEncryption::None,
        },
        address.ip().to_canonical().is_loopback(),
    );
    let machine = host();
    let names = listen.allowed_hosts.iter().map(String::as_str);
    let state = AppState::from(SharedState {
        hosts: AllowedHosts::new(names.chain([url.host(), &machine])),
        postern: postern.clone(),
        interface,
        url: url.clone(),
        program,
        proxies,
        local_metrics,
    });
    #[cfg(feature = "otel")]
    let traces = traces::Traces::start(&postern)?;
    // The key pair is generated while the first page is being read.
    let first = postern.clone();
    tokio::spawn(async move { first.keys().browser_key().await });
    match postern.accounts().setup_token().await? {
        Some(token) => writeln!(
            io::stdout(),
            "Create the first administrator at {url}{}",
            setup_path(&token)
        )?,
        None => writeln!(io::stdout(), "Postern is at {url}/")?,
    }

    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut delivery = deliverer.map(|deliverer| deliverer.start(&postern, stopped.clone()));
    health_checks::start(&postern, health, stopped.clone());
    key_maintenance::start(&postern, stopped.clone());
    let commands = command_socket.start(&postern, stopped.clone());
    let notifications = postern.notifications().clone();
    let webhooks = tokio::spawn(webhooks::run(notifications, stopped.clone()));
    let mut stopping = stopped.clone();
    let feed = postern.feed().clone();
    let stop_serving = async move {
        let _ = stopping.wait_for(|stop| *stop).await;
        feed.close();
    };
    if let Some(listener) = metrics_listener {
        let router = http::metrics_router(state.clone());
        let mut stopping = stopped.clone();
        let stop = async move {
            let _ = stopping.wait_for(|stop| *stop).await;
        };
        let limits = limits.clone();
        tokio::spawn(http::listener::serve(listener, None, router, limits, stop));
    }
    let (smtp, smtp_stopped) = (postern.clone(), stopped.clone());
    let submitting = async move { submission.serve(smtp, &machine, smtp_stopped).await };
    let submission = tokio::spawn(submitting);
    let router = http::router(state);
    let serving = http::listener::serve(listener, tls, router, limits, stop_serving);
    let mut server = tokio::spawn(serving);
    manager.ready();
    manager.watch(&postern, stopped.clone());
    tokio::select! {
        ended = &mut server => ended?,
        // Accepting mail without delivering it would go unnoticed.
        error = deliver::fails(delivery.as_mut()) => return Err(error),
        () = signals.next() => {
            tracing::info!("stopping; a second signal stops at once");
            manager.stopping();
            stop.send_replace(true);
            let delivered = async {
                match delivery {
                    Some(delivery) => delivery.await,
                    None => Ok(()),
                }
            };
            let served = tokio::time::timeout(GRACE, async {
                let (served, submitted) = tokio::join!(&mut server, submission);
                served.and(submitted)
            });
            tokio::select! {
                (delivered, served, sent, answered) = async {
                    tokio::join!(delivered, served, webhooks, commands)
                } => {
                    delivered?;
                    sent?;
                    answered?;
                    match served {
                        Ok(ended) => ended?,
                        Err(_) => tracing::warn!("stopped before every request had ended"),
                    }
                }
                () = signals.next() => return Ok(ExitCode::FAILURE),
            }
        }
    }
    postern.close().await;
    #[cfg(feature = "otel")]
    traces.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// The other descriptors are for relays, the database and the listeners.
fn default_connections() -> usize {
    open_files::half().min(10_000)
}
