//! `postern diagnose` and `postern send-test`: prints the stages of a session with a relay.

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use domain::diagnosis::event::{Outcome, RunSummary};
use domain::diagnosis::trace::Step;
use domain::diagnosis::transcript::Tone;
use domain::settings::PasswordChange;
use domain::settings::form::Edit;
use domain::settings::relay::MAIN;
use domain::{EmailAddress, Event, Form, Label, Refusal, Trace};
use engine::{DiagnosisRequest, Postern};
use futures::{Stream, StreamExt, pin_mut};

use crate::cli::{DiagnoseArgs, RelayArg};
use crate::commands::bootstrap::{Bootstrap, host, one_password, operator};
use crate::process::terminal::Terminal;

pub async fn diagnose(
    bootstrap: Bootstrap,
    asked: DiagnoseArgs,
) -> Result<ExitCode, Box<dyn Error>> {
    let postern = bootstrap.open(String::new()).await?;
    let json = asked.json;
    let relay = find(&postern, &asked.relay).await?;
    let diagnosis = postern.diagnosis().of_relay(&relay)?;
    let question = question(asked)?;
    let events = diagnosis.diagnose(&operator(), question).await?;
    let code = match json {
        true => print_json(events).await?,
        false => print_events(events).await?,
    };
    postern.close().await;
    Ok(code)
}

/// The id of the relay that the arguments name; without a name, of the first.
pub async fn find(postern: &Postern, named: &RelayArg) -> Result<String, Refusal> {
    let Some(name) = &named.relay else {
        return Ok(MAIN.to_owned());
    };
    Ok(postern.relays().find(&operator(), name).await?.id)
}

pub async fn send_test(
    bootstrap: Bootstrap,
    address: String,
    relay: RelayArg,
) -> Result<ExitCode, Box<dyn Error>> {
    let postern = bootstrap.open(host()).await?;
    let relay = find(&postern, &relay).await?;
    let events = postern
        .diagnosis()
        .of_relay(&relay)?
        .test(&operator(), None, PasswordChange::Keep, address)
        .await?;
    let code = print_events(events).await?;
    postern.close().await;
    Ok(code)
}

fn question(asked: DiagnoseArgs) -> Result<DiagnosisRequest, Box<dyn Error>> {
    let mut question = DiagnosisRequest {
        recipient: asked.to,
        mail: asked.send,
        ..DiagnosisRequest::default()
    };
    let (Some(host), Some(port)) = (asked.host, asked.port) else {
        return Ok(question);
    };
    let connection = asked.connection_type.unwrap_or_else(|| {
        let usual = match port.as_str() {
            "465" => "SSL",
            "587" => "TLS",
            _ => "None",
        };
        usual.to_owned()
    });
    let mut form = Form::default()
        .with(Label::Host, &host)
        .with(Label::Port, &port)
        .with(Label::ConnectionType, &connection);
    if let Some(user) = &asked.user {
        form.set(Label::Username, user.as_str());
        form.set(Label::AuthenticationType, asked.authentication_type);
        question.typed = Some(one_password()?);
    }
    let Edit(mut fields) = Edit::from(form);
    match asked.from {
        Some(from) => fields.insert(Label::FromAddress, Some(from)),
        None => fields.remove(&Label::FromAddress),
    };
    question.default_sender = Some(default_sender());
    question.edit = Edit(fields);
    Ok(question)
}

/// The sender of a diagnosis before any settings are saved: `postern@` and this machine's name.
fn default_sender() -> String {
    let named = format!("postern@{}", host());
    match named.parse::<EmailAddress>() {
        Ok(_) => named,
        Err(_) => "postern@localhost".to_owned(),
    }
}

async fn print_json(events: impl Stream<Item = Event>) -> Result<ExitCode, Box<dyn Error>> {
    pin_mut!(events);
    let mut code = ExitCode::FAILURE;
    while let Some(event) = events.next().await {
        if let Event::Finished(summary) = &event {
            code = exit_code(summary);
        }
        writeln!(io::stdout(), "{}", serde_json::to_string(&event)?)?;
    }
    Ok(code)
}

fn exit_code(summary: &RunSummary) -> ExitCode {
    match summary.outcome {
        Outcome::Failed { .. } => ExitCode::FAILURE,
        Outcome::Passed | Outcome::Sent { .. } => ExitCode::SUCCESS,
    }
}

/// Prints each stage when it has ended; on a terminal also the one that is running.
async fn print_events(events: impl Stream<Item = Event>) -> Result<ExitCode, Box<dyn Error>> {
    pin_mut!(events);
    let live = io::stdout().is_terminal();
    let terminal = Terminal::stdout();
    let mut trace = Trace::default();
    while let Some(event) = events.next().await {
        trace.apply(event.clone());
        match event {
            Event::Started { relay, .. } => {
                terminal.lines([(Tone::Strong, relay), (Tone::Plain, String::new())])?;
            }
            Event::Began { stage, .. } if live => {
                let mut out = io::stdout().lock();
                write!(out, "{} …", stage.title())?;
                out.flush()?;
            }
            // QUIT, after the result of its stage was printed.
            Event::Line(line) if trace.steps.last().is_some_and(Step::is_over) => {
                terminal.lines([line.transcript_line()])?;
            }
            Event::Ended { .. } => {
                if live {
                    write!(io::stdout(), "\r")?;
                }
                terminal.lines(
                    trace
                        .steps
                        .last()
                        .map(Step::transcript_lines)
                        .unwrap_or_default(),
                )?;
            }
            _ => {}
        }
    }
    terminal.lines(trace.summary_lines())?;
    Ok(trace.summary.as_ref().map_or(ExitCode::FAILURE, exit_code))
}
