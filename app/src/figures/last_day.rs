//! The figures of a relay in 24 hours as a line, with the link to all of its figures.

use domain::figures::{FigureRow, FigureSubject};

use super::format::{latency, number};
use super::request::figures_path;
use crate::server_prelude::*;

/// `subject` is the relay, `row` the sum of its last 24 hours.
#[component]
pub fn RelayLastDay(subject: FigureSubject, row: FigureRow) -> AnyView {
    let href = figures_path(&subject);
    view! {
        <span class="mail-detail">
            {sentence(&row)} " " <a href=href>"Figures of this relay"</a>
        </span>
    }
    .into_any()
}

/// As in `In 24 hours: 12,403 delivered, 31 deferred, 2 failed; half within 800 ms.`
fn sentence(row: &FigureRow) -> String {
    if row.delivered == 0 && row.deferred == 0 && row.failed == 0 {
        return "No mail in 24 hours.".to_owned();
    }
    let half = row.p50.is_some();
    let half = half.then(|| format!("; half within {}", latency(row.p50)));
    format!(
        "In 24 hours: {} delivered, {} deferred, {} failed{}.",
        number(row.delivered),
        number(row.deferred),
        number(row.failed),
        half.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::Timestamp;
    use domain::figures::FigureCounts;

    use super::*;

    #[test]
    fn a_day_is_one_sentence() {
        let day = |delivered, deferred, failed, p50: Option<u64>| FigureRow {
            delivered,
            deferred,
            failed,
            p50: p50.map(Duration::from_millis),
            ..FigureCounts::default().row(Timestamp(0))
        };
        for (row, expected) in [
            (
                day(12_403, 31, 2, Some(800)),
                "In 24 hours: 12,403 delivered, 31 deferred, 2 failed; half within 800 ms.",
            ),
            (
                day(0, 1, 0, None),
                "In 24 hours: 0 delivered, 1 deferred, 0 failed.",
            ),
            (day(0, 0, 0, None), "No mail in 24 hours."),
        ] {
            assert_eq!(sentence(&row), expected);
        }
    }
}
