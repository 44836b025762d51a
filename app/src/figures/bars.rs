//! The marks of an hour or a day in the chart of figures.

use domain::figures::FigureRow;
// The prelude of leptos, whose children are typed: of a year there are 365 rows, and an erased child is allocated.
use leptos::prelude::*;

use super::scale::{Bar, ChartScale, coordinate};

/// The bars and the triangle of a row. The title is shown where a pointer rests.
#[component]
pub fn RowBars(scale: ChartScale, index: usize, title: String, row: FigureRow) -> impl IntoView {
    let delivered = (row.delivered > 0)
        .then(|| bar_view(scale.bar(index, 0, row.delivered), "figures-delivered"));
    let failed = (row.failed > 0).then(|| {
        let bar = scale.bar(index, row.delivered, row.failed);
        bar_view(bar, "figures-failed")
    });
    let deferred = (row.deferred > 0).then(|| {
        let d = triangle(scale.middle(index), scale.y(row.deferred));
        view! { <path class="figures-deferred" d=d /> }
    });
    view! { <g class="figures-row"><title>{title}</title>{delivered} {failed} {deferred}</g> }
}

fn bar_view(bar: Bar, class: &'static str) -> impl IntoView {
    view! {
        <rect
            class=class
            fill=fill_of(class)
            x=coordinate(bar.x)
            y=coordinate(bar.y)
            width=coordinate(bar.width)
            height=coordinate(bar.height)
        />
    }
}

/// The fill of a bar. A reference to a pattern stands in the drawing: in a stylesheet it would be relative to
/// that.
pub fn fill_of(class: &str) -> &'static str {
    match class {
        "figures-failed" => "url(#figures-failed)",
        _ => "currentColor",
    }
}

/// A triangle whose lower corner is at a place.
fn triangle(x: f64, y: f64) -> String {
    format!("M{x:.2} {y:.2}l-5 -9h10z")
}
