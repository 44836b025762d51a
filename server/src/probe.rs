//! `postern probe`: tries every way to reach a relay and recommends settings.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use domain::{ProbeEvent, ProbeReport};
use engine::ProbeRequest;
use futures::{Stream, StreamExt, pin_mut};

use crate::cli::ProbeArgs;
use crate::commands::{Bootstrap, operator};
use crate::terminal::Terminal;

pub async fn probe(bootstrap: Bootstrap, args: ProbeArgs) -> Result<ExitCode, Box<dyn Error>> {
    let postern = bootstrap.open(String::new()).await?;
    let search = ProbeRequest::word(args.relay, args.port.unwrap_or_default());
    let events = postern.diagnosis().probe(&operator(), search).await?;
    let code = tell(events, args.json).await?;
    postern.close().await;
    Ok(code)
}

/// Prints each result as it comes, as a row or as JSON.
async fn tell(
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
