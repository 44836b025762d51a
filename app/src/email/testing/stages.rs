//! The stages of a running test, as they begin, and the seconds so far.

use leptos::prelude::*;

use super::run::{End, Run};
use crate::dom;

#[component]
pub fn Stages(run: RwSignal<Option<Run>>) -> impl IntoView {
    let under_way = move || {
        let run = run.read();
        let run = run.as_ref().filter(|run| run.end.is_none())?;
        let stage = run.stages.last();
        Some(stage.map_or("Starting", |stage| stage.title()).to_owned())
    };
    view! {
        <p class="unseen" role="status">
            {dom::maybe(under_way)}
        </p>
        {move || { run.get().filter(|run| !run.stages.is_empty()).map(|run| view! { <List run /> }) }}
    }
}

#[component]
fn List(run: Run) -> impl IntoView {
    let last = run.stages.len() - 1;
    let how_last = match run.end {
        None => "now",
        Some(End::Sent { .. }) => "done",
        Some(_) => "stopped",
    };
    let stages = run.stages.iter().enumerate().map(|(index, stage)| {
        let how = if index == last { how_last } else { "done" };
        view! {
            <li class=format!("stage stage-{how}")>
                {stage.title()} {(how == "stopped").then(|| view! { <span class="unseen">" stopped"</span> })}
            </li>
        }
    });
    let seconds = run.end.is_none().then(|| format!("{} s", run.seconds));
    view! {
        <div class="stages">
            <p class="stages-head">
                <span>{run.relay}</span>
                <span class="stages-seconds">{seconds}</span>
            </p>
            <ol>{stages.collect_view()}</ol>
        </div>
    }
}
