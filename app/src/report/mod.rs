//! Runs drawn as HTML, on the server. Every word of a stranger is escaped on its way.

mod probe;
mod stage;
mod transcript;
mod trust;
mod verdict;
mod waterfall;

use domain::event::Outcome;
use domain::{Event, Stage, Trace};
use futures::{Stream, StreamExt};
use leptos::prelude::*;

use crate::picture::Picture;
pub use probe::{beside_its_field, probe_pictures, search};
use transcript::Transcript;
use verdict::Verdict;
use waterfall::Waterfall;

/// What happens at once makes one picture.
const AT_ONCE: usize = 64;

/// A picture whenever something happened.
pub fn pictures(events: impl Stream<Item = Event> + Send) -> impl Stream<Item = Picture> + Send {
    drawn(events, Trace::apply, picture)
}

/// What has happened so far, gathered and drawn whenever something did.
fn drawn<E, T: Default + Send>(
    events: impl Stream<Item = E> + Send,
    hear: fn(&mut T, E),
    draw: fn(&T) -> Picture,
) -> impl Stream<Item = Picture> + Send {
    let at_once = events.ready_chunks(AT_ONCE);
    at_once.scan(T::default(), move |gathered, events| {
        for event in events {
            hear(gathered, event);
        }
        std::future::ready(Some(draw(gathered)))
    })
}

fn picture(trace: &Trace) -> Picture {
    let proved = trace.summary.as_ref().and_then(|over| match over.outcome {
        Outcome::Sent {
            verified: Some(at), ..
        } => Some((trace.revision?, at)),
        _ => None,
    });
    let over = trace.summary.as_ref();
    let html = view! {
        {over.map(|over| view! { <Verdict trace=trace.clone() over=over.clone() /> })}
        <Waterfall trace=trace.clone() />
        {over.map(|_| view! { <Transcript trace=trace.clone() /> })}
    };
    Picture {
        status: status(trace),
        html: html.to_html(),
        over: over.is_some(),
        handing_over: trace.steps.iter().any(|step| step.stage == Stage::Data),
        proved,
    }
}

fn status(trace: &Trace) -> String {
    match (&trace.summary, trace.running()) {
        (Some(over), _) => verdict::title(over),
        (None, Some(stage)) => stage.title().to_owned(),
        (None, None) => "Starting".to_owned(),
    }
}
