//! The result of a run: its outcome, the cause of a failure, the relay's reply, what to do.

use domain::cause::{Cause, Finding};
use domain::diagnosis::event::{Outcome, RunSummary};
use domain::{Failure, Reply, Stage, Trace};

use super::trust::Trust;
use crate::server_prelude::*;

/// One line, which screen readers announce.
pub fn title(summary: &RunSummary) -> String {
    let took = summary.milliseconds;
    match &summary.outcome {
        Outcome::Passed => format!("Every stage passed in {took}."),
        Outcome::Sent { .. } => format!("Sent in {took}."),
        Outcome::Failed { failure, .. } => {
            format!("Failed after {took} at “{}”.", failure.stage.title())
        }
    }
}

#[component]
pub fn Verdict(trace: Trace, summary: RunSummary) -> impl IntoView {
    let title = title(&summary);
    let tested = match trace.revision {
        Some(_) => "The saved settings were tested.",
        None => "The form was tested, not the saved settings.",
    };
    let stage = match &summary.outcome {
        Outcome::Failed { failure, .. } => Some(failure.stage),
        _ => None,
    };
    let encryption = match &summary.encryption {
        Some(encryption) => format!("Encrypted with {encryption}. "),
        // There was no connection to encrypt.
        None if matches!(stage, Some(Stage::Dns | Stage::Tcp | Stage::Tls)) => String::new(),
        None => "Not encrypted. ".to_owned(),
    };
    let more = format!("{encryption}{tested}");
    match summary.outcome {
        Outcome::Passed => {
            let text = "Nothing was sent.";
            view! { <Success title text more /> }.into_any()
        }
        Outcome::Sent { reply, .. } => {
            let text = "The relay accepted the message; it should arrive shortly.";
            view! { <Success title text more reply /> }.into_any()
        }
        Outcome::Failed { failure, cause } => {
            view! { <FailureNotice title failure cause more /> <Trust trace /> }.into_any()
        }
    }
}

#[component]
fn Success(
    title: String,
    text: &'static str,
    more: String,
    #[prop(optional)] reply: Option<Reply>,
) -> AnyView {
    view! {
        <div class="notice notice-good">
            <p>
                <strong>{title}</strong>
                " "
                {text}
            </p>
            {reply.map(|reply| view! { <RelayReply reply /> })}
            <p class="verdict-detail">{more}</p>
        </div>
    }
    .into_any()
}

#[component]
fn FailureNotice(title: String, failure: Failure, cause: Option<Finding>, more: String) -> AnyView {
    view! {
        <div class="notice notice-bad">
            <p>
                <strong>{title}</strong>
                " "
                {failure.detail}
            </p>
            {failure.reply.map(|reply| view! { <RelayReply reply /> })}
            {cause.map(|found| view! { <Causes found /> })}
            <p class="verdict-detail">{more}</p>
        </div>
    }
    .into_any()
}

/// The cause, what it was found by, and the second cause where two fit.
#[component]
fn Causes(found: Finding) -> AnyView {
    let note = found.by.note();
    let other = found.alternative.map(|other| {
        view! {
            <p class="repair-alternative">
                <strong>"Another cause fits the reply. "</strong>
                {other.distinguish}
            </p>
            <Repair cause=other.cause />
        }
    });
    view! {
        <Repair cause=found.cause />
        {note.map(|note| view! { <p class="repair-basis">{note}</p> })}
        {other}
    }
    .into_any()
}

#[component]
fn Repair(cause: &'static Cause) -> AnyView {
    let steps = cause.steps.iter().map(|step| view! { <li>{*step}</li> });
    view! {
        <div class="repair">
            <h3>{cause.title}</h3>
            <p>{cause.cause}</p>
            <p class="repair-head">"What to do"</p>
            <ol>{steps.collect_view()}</ol>
        </div>
    }
    .into_any()
}

/// The relay's reply, line by line.
#[component]
fn RelayReply(reply: Reply) -> AnyView {
    view! {
        <figure class="relay-reply">
            <figcaption>"The relay replied"</figcaption>
            <pre>{format!("{} {}", reply.code, reply.text)}</pre>
        </figure>
    }
    .into_any()
}
