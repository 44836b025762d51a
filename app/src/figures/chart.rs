//! The chart of figures: an SVG that is drawn on the server, with its legend and its table.

use std::fmt::Write as _;

use domain::figures::{FigureRow, FigureStep, Figures};

use super::bars::{RowBars, fill_of};
use super::format::{number, row as sentence, start};
use super::scale::{AxisLabel, ChartScale, HEIGHT, WIDTH, coordinate};
use super::table::FiguresTable;
use crate::server_prelude::*;

/// Bars of what was delivered and, on top of it, failed; a line of what was accepted; triangles where
/// attempts were deferred. Shapes and patterns tell them apart, also without colours. The table below has
/// all numbers.
#[component]
pub fn FiguresChart(figures: Figures, step: FigureStep) -> AnyView {
    let scale = ChartScale::of(&figures.rows);
    let bars = figures.rows.iter().enumerate().map(|(index, row)| {
        view! { <RowBars scale index title=sentence(row, step) row=row.clone() /> }
    });
    let bars = bars.collect_view();
    let labels = scale.labels(&figures.rows, step).into_iter();
    let labels = labels.map(|AxisLabel { x, text }| {
        view! {
            <text class="figures-label" x=coordinate(x) y="264" text-anchor="middle">
                {text}
            </text>
        }
    });
    let labels = labels.collect_view();
    let grid = [scale.max, scale.max / 2, 0].map(|at| view! { <GridLine scale at /> });
    let grid = grid.into_iter().collect_view();
    let line = accepted_line(scale, &figures.rows);
    let (name, description) = (name(&figures, step), description(&figures, step));
    let label = name.clone();
    let total = figures.total.clone();
    view! {
        <figure class="figures-chart">
            <svg
                class="figures-drawing"
                viewBox=format!("0 0 {WIDTH} {HEIGHT}")
                role="img"
                aria-label=label
            >
                <title>{name}</title>
                <desc>{description}</desc>
                <defs>
                    <pattern
                        id="figures-failed"
                        patternUnits="userSpaceOnUse"
                        width="6"
                        height="6"
                        patternTransform="rotate(45)"
                    >
                        <rect class="figures-failed-ground" width="6" height="6" />
                        <rect class="figures-failed-line" width="3" height="6" />
                    </pattern>
                </defs>
                {grid}
                {bars}
                <path class="figures-accepted" d=line />
                {labels}
            </svg>
            <Legend total />
            <FiguresTable figures step />
        </figure>
    }
    .into_any()
}

/// A horizontal line with its number.
#[component]
fn GridLine(scale: ChartScale, at: u64) -> AnyView {
    let y = scale.y(at);
    view! {
        <g>
            <line
                class="figures-grid"
                x1="0"
                x2=WIDTH.to_string()
                y1=coordinate(y)
                y2=coordinate(y)
            />
            <text class="figures-label" x="2" y=coordinate(y - 5.0)>
                {number(at)}
            </text>
        </g>
    }
    .into_any()
}

/// A line that is level over each row.
fn accepted_line(scale: ChartScale, rows: &[FigureRow]) -> String {
    let mut line = String::new();
    for (index, row) in rows.iter().enumerate() {
        let command = if index == 0 { 'M' } else { 'L' };
        let (left, right) = (scale.left(index), scale.left(index + 1));
        let y = scale.y(row.accepted);
        let _ = write!(line, "{command}{left:.2} {y:.2}H{right:.2}");
    }
    line
}

/// What each mark means, with the sums.
#[component]
fn Legend(total: FigureRow) -> AnyView {
    let entry = |mark: AnyView, text: &'static str, sum: u64| {
        view! {
            <li>
                <svg width="20" height="14" viewBox="0 0 20 14" aria-hidden="true">
                    {mark}
                </svg>
                {text}
                " "
                <strong>{number(sum)}</strong>
            </li>
        }
    };
    let accepted = view! { <path class="figures-accepted" d="M1 9H10V5H19" /> }.into_any();
    let bar = |class: &'static str| {
        view! { <rect class=class fill=fill_of(class) x="4" y="1" width="12" height="12" /> }
            .into_any()
    };
    let deferred = view! { <path class="figures-deferred" d="M10 12l-5 -9h10z" /> }.into_any();
    view! {
        <ul class="figures-legend">
            {entry(accepted, "Accepted", total.accepted)}
            {entry(bar("figures-delivered"), "Delivered", total.delivered)}
            {entry(deferred, "Attempts deferred", total.deferred)}
            {entry(bar("figures-failed"), "Failed", total.failed)}
        </ul>
    }
    .into_any()
}

/// The name of the drawing.
fn name(figures: &Figures, step: FigureStep) -> String {
    let (each, from) = (step.as_str(), start(figures.total.start, step));
    format!("Recipients by {each} since {from} UTC")
}

/// The drawing in words.
fn description(figures: &Figures, step: FigureStep) -> String {
    let total = &figures.total;
    let busiest = figures.rows.iter().max_by_key(|row| row.delivered);
    let busiest = busiest.filter(|row| row.delivered > 0).map(|row| {
        let (at, most) = (start(row.start, step), number(row.delivered));
        format!(" Most were delivered at {at}: {most}.")
    });
    format!(
        "Accepted {}, delivered {}, failed {}; {} attempts were deferred.{} The table below the chart has \
         every number.",
        number(total.accepted),
        number(total.delivered),
        number(total.failed),
        number(total.deferred),
        busiest.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::figures::FigureCounts;

    use super::*;

    fn figures() -> Figures {
        let start = Timestamp(1_795_150_800_000);
        let (step, counts) = (
            FigureStep::Hour,
            FigureCounts {
                accepted: 10,
                delivered: 7,
                deferred: 2,
                failed: 1,
                ..FigureCounts::default()
            },
        );
        Figures::of(step, start..start + 2 * step.length(), [(start, &counts)])
    }

    #[test]
    fn the_drawing_is_told_in_words() {
        let figures = figures();
        assert_eq!(
            name(&figures, FigureStep::Hour),
            "Recipients by hour since 2026-11-20 05:00 UTC"
        );
        let text = description(&figures, FigureStep::Hour);
        assert!(text.starts_with("Accepted 10, delivered 7, failed 1; 2 attempts were deferred."));
        assert!(
            text.contains("Most were delivered at 2026-11-20 05:00: 7."),
            "{text}"
        );
    }

    #[test]
    fn the_chart_draws_a_row_for_each_hour_and_marks_for_what_happened() {
        let owner = Owner::new();
        let html = owner.with(|| {
            let figures = figures();
            view! { <FiguresChart figures step=FigureStep::Hour /> }.to_html()
        });
        for (part, times) in [
            ("class=\"figures-row\"", 2),
            ("class=\"figures-delivered\"", 2),
            ("class=\"figures-failed\"", 2),
            ("class=\"figures-deferred\"", 2),
            ("class=\"figures-accepted\"", 2),
            (
                "2026-11-20 05:00: 10 accepted, 7 delivered, 2 deferred, 1 failed",
                1,
            ),
            ("style=", 0),
        ] {
            assert_eq!(html.matches(part).count(), times, "{part}: {html}");
        }
        let line = accepted_line(ChartScale::of(&figures().rows), &figures().rows);
        assert_eq!(line, "M0.00 28.00H360.00L360.00 236.00H720.00");
    }
}
