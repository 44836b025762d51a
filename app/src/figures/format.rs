//! Numbers, times and latencies of figures as texts.

use std::time::Duration;

use domain::Timestamp;
use domain::diagnosis::event::Elapsed;
use domain::figures::{FigureRow, FigureStep};

use crate::outbox::grouped;

/// As in `12,045`.
pub fn number(number: u64) -> String {
    grouped(i64::try_from(number).unwrap_or(i64::MAX))
}

/// When an hour or a day begins, as in `2026-11-20 05:00` and `2026-11-20`, in UTC.
pub fn start(at: Timestamp, step: FigureStep) -> String {
    let text = at.rfc3339();
    match step {
        FigureStep::Hour => text[..16].replace('T', " "),
        FigureStep::Day => text[..10].to_owned(),
    }
}

/// As in `37 ms`, `5.2 s`, `6 min 20 s` and `3 h 5 min`; a dash without deliveries.
pub fn latency(latency: Option<Duration>) -> String {
    let Some(latency) = latency else {
        return "–".to_owned();
    };
    let seconds = latency.as_secs();
    match seconds {
        0 => format!("{} ms", (latency.as_micros() + 500) / 1000),
        1..60 => Elapsed::from(latency).to_string(),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// A row as a sentence, as in `2026-11-20 05:00: 7 accepted, 5 delivered, 1 deferred, 2 failed`.
pub fn row(row: &FigureRow, step: FigureStep) -> String {
    format!(
        "{}: {} accepted, {} delivered, {} deferred, {} failed",
        start(row.start, step),
        number(row.accepted),
        number(row.delivered),
        number(row.deferred),
        number(row.failed)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_shown_by_their_largest_units() {
        for (milliseconds, text) in [
            (1, "1 ms"),
            (37, "37 ms"),
            (999, "999 ms"),
            (5_250, "5.2 s"),
            (380_000, "6 min 20 s"),
            (11_130_000, "3 h 5 min"),
            (183_600_000, "2 d 3 h"),
        ] {
            let shown = latency(Some(Duration::from_millis(milliseconds)));
            assert_eq!(shown, text);
        }
        assert_eq!(latency(None), "–");
    }

    #[test]
    fn a_row_names_its_hour_or_day() {
        let at = Timestamp(1_795_150_800_000);
        assert_eq!(start(at, FigureStep::Hour), "2026-11-20 05:00");
        assert_eq!(start(at, FigureStep::Day), "2026-11-20");
    }
}
