//! `postern serve`: binds, opens Postern, and runs until a signal stops it.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use app::entrance::setup_path;
use tokio::net::TcpListener;

use crate::cli::{DeliveryArgs, ListenArgs};
use crate::commands::Bootstrap;
use crate::data_folder;
use crate::deliver::{self, Deliverer};
use crate::http::{self, PublicUrl, TrustedProxies};
use crate::signals::{GRACE, Signals};

/// Serves HTTP, and delivers where there are arguments for it.
pub async fn serve(
    bootstrap: Bootstrap,
    listen: ListenArgs,
    delivery: Option<DeliveryArgs>,
) -> Result<ExitCode, Box<dyn Error>> {
    let proxies = TrustedProxies::parse(&listen.trusted_proxies)?;
    let configured = listen
        .public_url
        .as_deref()
        .filter(|url| !url.is_empty())
        .map(PublicUrl::parse)
        .transpose()?;
    let _lock = data_folder::lock(&bootstrap.data)?;
    let deliverer = delivery
        .map(|how| Deliverer::new(&bootstrap, how))
        .transpose()?;
    let listener = TcpListener::bind(listen.listen)
        .await
        .map_err(|error| format!("cannot listen on {}: {error}", listen.listen))?;
    let address = listener.local_addr()?;
    let url = configured.unwrap_or_else(|| PublicUrl::of(address));
    let postern = bootstrap.open(url.to_string()).await?;

    let router = http::router(postern.clone(), url.clone(), proxies);
    // The key pair is generated while the first page is being read.
    let first = postern.clone();
    tokio::spawn(async move { first.keys().browser_key().await });
    // Before the link is printed: its reader may send a signal at once.
    let mut signals = Signals::listen()?;
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
    let mut stopping = stopped.clone();
    let feed = postern.feed().clone();
    let stop_serving = async move {
        let _ = stopping.wait_for(|stop| *stop).await;
        feed.close();
    };
    let serving = http::listener::serve(listener, router, http::listener::HEAD, stop_serving);
    let mut server = tokio::spawn(serving);
    tokio::select! {
        ended = &mut server => ended?,
        // Accepting mail without delivering it would go unnoticed.
        error = deliver::fails(delivery.as_mut()) => return Err(error),
        () = signals.next() => {
            tracing::info!("stopping; a second signal stops at once");
            stop.send_replace(true);
            let delivered = async {
                match delivery {
                    Some(delivery) => delivery.await,
                    None => Ok(()),
                }
            };
            let served = tokio::time::timeout(GRACE, &mut server);
            tokio::select! {
                (delivered, served) = async { tokio::join!(delivered, served) } => {
                    delivered?;
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
    Ok(ExitCode::SUCCESS)
}
