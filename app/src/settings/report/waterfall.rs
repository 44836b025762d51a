//! The stages as a waterfall: a row each, with a bar for its time.

use domain::diagnosis::event::Elapsed;
use domain::diagnosis::trace::{Step, StepState};
use domain::{Stage, Trace};

use super::stage::StageMore;
use crate::server_prelude::*;

/// The width of the chart, in units of its viewBox.
const WIDTH: u64 = 1000;

/// The least width of a bar.
const WIDTH_MIN: u64 = 6;

#[component]
pub fn Waterfall(trace: Trace) -> AnyView {
    let whole = trace.elapsed();
    let finished = trace.summary.is_some();
    let reached = trace.steps.into_iter().map(|step| {
        view! { <Reached step whole finished /> }
    });
    let ahead = trace.not_reached.into_iter().map(|stage| {
        view! {
            <li class="stage stage-pending">
                <div class="stage-row">
                    <span class="stage-title"><StageName stage /></span>
                    <span class="stage-bar"></span>
                    <span class="stage-time">{finished.then_some("not reached")}</span>
                </div>
            </li>
        }
    });
    view! {
        <section class="waterfall" aria-label="Stages">
            <p class="waterfall-head">
                <span class="waterfall-relay">{trace.relay}</span>
                <span class="waterfall-time">{whole.to_string()}</span>
            </p>
            <ol>{reached.collect_view()} {ahead.collect_view()}</ol>
        </section>
    }
    .into_any()
}

/// A stage that was reached. After the run it can be opened for its details.
#[component]
fn Reached(step: Step, whole: Elapsed, finished: bool) -> impl IntoView {
    let (class, state) = match step.state {
        StepState::Running => ("stage stage-now", "in progress"),
        StepState::Passed => ("stage stage-passed", "passed"),
        StepState::Failed => ("stage stage-failed", "failed"),
    };
    let took = step.milliseconds.unwrap_or_else(|| whole.since(step.at));
    let (x, width) = bar(step.at, took, whole);
    let time = step.milliseconds.map(|took| took.to_string());
    let row = view! {
        <span class="stage-title">
            <StageName stage=step.stage /> <span class="sr-only">" "{state}</span>
        </span>
        <svg
            class="stage-bar"
            viewBox=format!("0 0 {WIDTH} 10")
            preserveAspectRatio="none"
            aria-hidden="true"
        >
            <rect x=x.to_string() y="0" width=width.to_string() height="10" />
        </svg>
        <span class="stage-time">{time}</span>
    };
    let open = step.state == StepState::Failed;
    if finished {
        view! {
            <li class=class>
                <details open=open>
                    <summary class="stage-row">{row}</summary>
                    <StageMore step />
                </details>
            </li>
        }
        .into_any()
    } else {
        view! {
            <li class=class>
                <div class="stage-row">{row}</div>
            </li>
        }
        .into_any()
    }
}

/// The term of a stage and its gloss.
#[component]
fn StageName(stage: Stage) -> AnyView {
    view! {
        <span>
            <strong>{stage.term()}</strong>
            " "
            {stage.gloss()}
        </span>
    }
    .into_any()
}

/// Start and width of a bar.
fn bar(at: Elapsed, took: Elapsed, whole: Elapsed) -> (u64, u64) {
    let whole = whole.0.max(1);
    let x = (at.0.min(whole) * WIDTH / whole).min(WIDTH - WIDTH_MIN);
    let width = (took.0.min(whole) * WIDTH / whole).clamp(WIDTH_MIN, WIDTH - x);
    (x, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_never_outside_the_chart() {
        for (at, took, whole, expected) in [
            (0, 50, 100, (0, 500)),
            (50, 50, 100, (500, 500)),
            (100, 0, 100, (994, 6)),
            (0, 0, 0, (0, 6)),
            (99, 80, 100, (990, 10)),
            (500, 1, 100, (994, 6)),
        ] {
            assert_eq!(bar(Elapsed(at), Elapsed(took), Elapsed(whole)), expected);
        }
    }
}
