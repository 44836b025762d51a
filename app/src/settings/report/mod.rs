//! Reports of runs, drawn on the server as snapshots. Leptos escapes every text of a relay.

mod from_domain;
mod probe;
mod stage;
mod transcript;
mod trust;
mod verdict;
mod waterfall;

use domain::diagnosis::event::Outcome;
use domain::settings::relay::{OWN, id_or_main};
use domain::{Refusal, Stage, Trace};
use engine::{Actor, Postern};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};

use crate::live::{RunKind, RunRequest, Snapshot};
use crate::server_prelude::*;
use from_domain::FromDomainReport;
use transcript::Transcript;
use verdict::Verdict;
use waterfall::Waterfall;

/// Events that are ready together make one snapshot, up to this number.
const EVENTS_MAX: usize = 64;

/// Starts a run. It ends when the stream is dropped.
///
/// # Errors
/// When the engine refuses the run: not allowed, invalid settings, too many runs.
pub async fn snapshots(
    postern: Postern,
    actor: Actor,
    request: RunRequest,
) -> Result<BoxStream<'static, Snapshot>, Refusal> {
    let RunRequest {
        form,
        password,
        recipient,
        kind,
        relay,
    } = request;
    let service = match id_or_main(relay.as_deref()) {
        OWN => postern.diagnosis().of_account(&actor)?,
        id => postern.diagnosis().of_relay(id)?,
    };
    Ok(match kind {
        RunKind::Test => {
            let test = service.test(&actor, Some(form), password, recipient);
            fold(test.await?, Trace::apply, trace_snapshot).boxed()
        }
        RunKind::Diagnosis => {
            let question = engine::DiagnosisRequest {
                edit: form.into(),
                password,
                recipient: Some(recipient),
                ..Default::default()
            };
            let diagnosis = service.diagnose(&actor, question).await?;
            fold(diagnosis, Trace::apply, trace_snapshot).boxed()
        }
        RunKind::Probe => {
            let probe = service.probe(&actor, probe::request(&form)).await;
            let probe = probe.map_err(probe::by_form_field)?;
            fold(probe, domain::ProbeReport::apply, probe::snapshot).boxed()
        }
    })
}

/// A snapshot of all events so far, whenever there are new ones.
fn fold<E, T: Default + Send>(
    events: impl Stream<Item = E> + Send,
    add: fn(&mut T, E),
    draw: fn(&T) -> Snapshot,
) -> impl Stream<Item = Snapshot> + Send {
    let ready = events.ready_chunks(EVENTS_MAX);
    ready.scan(T::default(), move |all, events| {
        for event in events {
            add(all, event);
        }
        std::future::ready(Some(draw(all)))
    })
}

fn trace_snapshot(trace: &Trace) -> Snapshot {
    let verified = trace
        .summary
        .as_ref()
        .and_then(|summary| match summary.outcome {
            Outcome::Sent {
                verified: Some(at), ..
            } => Some((trace.revision?, at)),
            _ => None,
        });
    let summary = trace.summary.as_ref();
    let checked = trace.domain.as_ref();
    let html = view! {
        <div id=RunKind::Test.report()>
            {summary.map(|summary| {
                view! { <Verdict trace=trace.clone() summary=summary.clone() /> }
            })}
            <Waterfall trace=trace.clone() />
            {checked.map(|checked| view! { <FromDomainReport checked=checked.clone() /> })}
            {summary.map(|_| view! { <Transcript trace=trace.clone() /> })}
        </div>
    };
    Snapshot {
        status: status(trace),
        html: html.to_html(),
        last: summary.is_some(),
        data_begun: trace.steps.iter().any(|step| step.stage == Stage::Data),
        verified,
    }
}

fn status(trace: &Trace) -> String {
    match (&trace.summary, trace.running()) {
        (Some(summary), _) => verdict::title(summary),
        (None, Some(stage)) => stage.title(),
        (None, None) => "Starting".to_owned(),
    }
}
