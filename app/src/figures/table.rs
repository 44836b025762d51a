//! Figures as a table, which holds all that the chart shows.

use domain::figures::{FigureRow, FigureStep, Figures};
// The prelude of leptos, whose children are typed: of a year there are 3,000 cells, and an erased child is allocated.
use leptos::prelude::*;

use super::format::{latency, number, start};

/// The table, closed at first.
#[component]
pub fn FiguresTable(figures: Figures, step: FigureStep) -> AnyView {
    let length = match step {
        FigureStep::Hour => "Hour (UTC)",
        FigureStep::Day => "Day (UTC)",
    };
    let rows = figures.rows.into_iter().map(|row| {
        let name = start(row.start, step);
        view! { <Row row name /> }
    });
    view! {
        <details class="figures-table">
            <summary>"As a table"</summary>
            <div class="figures-scroll" role="region" aria-label="Figures as a table" tabindex="0">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">{length}</th>
                            <th scope="col">"Accepted"</th>
                            <th scope="col">"Delivered"</th>
                            <th scope="col">"Deferred"</th>
                            <th scope="col">"Failed"</th>
                            <th scope="col">"50 % within"</th>
                            <th scope="col">"90 % within"</th>
                            <th scope="col">"99 % within"</th>
                        </tr>
                    </thead>
                    <tbody>{rows.collect_view()}</tbody>
                    <tfoot>
                        <Row row=figures.total name="Total".to_owned() />
                    </tfoot>
                </table>
            </div>
        </details>
    }
    .into_any()
}

#[component]
fn Row(row: FigureRow, name: String) -> impl IntoView {
    view! {
        <tr>
            <th scope="row">{name}</th>
            <td>{number(row.accepted)}</td>
            <td>{number(row.delivered)}</td>
            <td>{number(row.deferred)}</td>
            <td>{number(row.failed)}</td>
            <td>{latency(row.p50)}</td>
            <td>{latency(row.p90)}</td>
            <td>{latency(row.p99)}</td>
        </tr>
    }
}
