//! `postern probe`: tries every way to reach a relay and recommends settings.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use domain::{Kind, Label, ProbeEvent, ProbeReport, Refusal};
use engine::{Postern, ProbeRequest};
use futures::{Stream, StreamExt, pin_mut};

use super::diagnose::find;
use crate::cli::ProbeArgs;
use crate::commands::bootstrap::{Bootstrap, operator};
use crate::process::terminal::Terminal;

pub async fn probe(bootstrap: Bootstrap, args: ProbeArgs) -> Result<ExitCode, Box<dyn Error>> {
    let postern = bootstrap.open(String::new()).await?;
    let relay = find(&postern, &args.relay).await?;
    let search = match args.target {
        Some(target) => ProbeRequest::word(target, args.port.unwrap_or_default()),
        None => saved(&postern, &relay, args.port).await?,
    };
    let diagnosis = postern.diagnosis().of_relay(&relay)?;
    let events = diagnosis.probe(&operator(), search).await?;
    let code = print_events(events, args.json).await?;
    postern.close().await;
    Ok(code)
}

/// A probe of the saved host of a relay, also at its saved port unless another is given.
async fn saved(
    postern: &Postern,
    relay: &str,
    port: Option<String>,
) -> Result<ProbeRequest, Refusal> {
    let settings = postern.settings().of_relay(relay)?;
    let form = settings.view(&operator()).await?.form;
    let host = form.get(Label::Host);
    if host.is_empty() {
        let text = "No configuration is saved for this relay. Save one, or name a host.";
        return Err(Refusal::of(Kind::Invalid, "relay", text));
    }
    let port = port.unwrap_or_else(|| form.get(Label::Port).to_owned());
    Ok(ProbeRequest::word(host.to_owned(), port))
}

/// Prints each result as it comes, as a row or as JSON.
async fn print_events(
    events: impl Stream<Item = ProbeEvent>,
    json: bool,
) -> Result<ExitCode, Box<dyn Error>> {
    let terminal = Terminal::stdout();
    let mut probed = ProbeReport::default();
    pin_mut!(events);
    while let Some(event) = events.next().await {
        if json {
            writeln!(io::stdout(), "{}", serde_json::to_string(&event)?)?;
        }
        probed.apply(event.clone());
        match event {
            ProbeEvent::Started { .. } if !json => terminal.lines([probed.header()])?,
            ProbeEvent::Found(found) if !json => terminal.lines(probed.row_lines(&found))?,
            _ => {}
        }
    }
    if !json {
        terminal.lines(probed.summary_lines())?;
    }
    Ok(if probed.recommends() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
