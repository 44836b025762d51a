//! The history of a relay's health: a line of 24 hours and one of 30 days, each with its text.

use std::time::Duration;

use domain::Timestamp;
use domain::health::{HISTORY_SHOWN, HealthPeriod, HealthState};
use domain::timestamp::{DAY, milliseconds};

use crate::outbox::age;
use crate::server_prelude::*;

/// The width of a line, in units of its drawing.
const WIDTH: i64 = 1000;

/// The least width of a period, so that a short one is seen.
const NARROWEST: i64 = 4;

/// The earliest time that the lines show.
pub(crate) fn history_begin(now: Timestamp) -> Timestamp {
    now - HISTORY_SHOWN
}

/// The lines up to `now`. States differ by height as well as by colour.
#[component]
pub fn HealthHistory(periods: Vec<HealthPeriod>, now: Timestamp) -> AnyView {
    let line = |title: &'static str, length: Duration| {
        let since = now - length;
        let bars = bars(&periods, since, now).into_iter().map(|bar| {
            view! {
                <rect
                    class=bar.class
                    x=bar.x.to_string()
                    y=bar.y.to_string()
                    width=bar.width.to_string()
                    height=(12 - bar.y).to_string()
                />
            }
        });
        view! {
            <div class="health-line">
                <span>{title}</span>
                <svg
                    class="health-bars"
                    viewBox=format!("0 0 {WIDTH} 12")
                    preserveAspectRatio="none"
                    aria-hidden="true"
                >
                    {bars.collect_view()}
                </svg>
                <span class="mail-detail">{summary(&periods, since)}</span>
            </div>
        }
    };
    view! {
        <div class="health-lines">
            {line("24 hours", DAY)} {line("30 days", HISTORY_SHOWN)}
        </div>
    }
    .into_any()
}

/// A period in a drawing that is 12 units high.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bar {
    class: &'static str,
    x: i64,
    /// Its upper edge; it ends at the lower edge of the drawing.
    y: i64,
    width: i64,
}

/// The periods since `since`, those that matter most last: they are in front.
fn bars(periods: &[HealthPeriod], since: Timestamp, now: Timestamp) -> Vec<Bar> {
    let span = milliseconds(now.saturating_since(since)).max(1);
    let place = |at: Timestamp| {
        let elapsed = milliseconds(at.saturating_since(since));
        elapsed.min(span) * WIDTH / span
    };
    let shown = periods.iter().filter(|period| period.until > since);
    let mut bars: Vec<Bar> = shown
        .map(|period| {
            let (class, y) = match period.state {
                HealthState::Unknown => ("health-unknown", 11),
                HealthState::Healthy => ("health-healthy", 8),
                HealthState::Degraded => ("health-degraded", 4),
                HealthState::Down => ("health-down", 0),
            };
            let x = place(period.from).min(WIDTH - NARROWEST);
            let width = (place(period.until) - x).max(NARROWEST);
            Bar { class, x, y, width }
        })
        .collect();
    bars.sort_by_key(|bar| std::cmp::Reverse(bar.y));
    bars
}

/// As in `99.2 % healthy, down 12 min`. Time without checks does not count.
fn summary(periods: &[HealthPeriod], since: Timestamp) -> String {
    let time = |state: HealthState| -> Duration {
        let same = periods.iter().filter(|period| period.state == state);
        same.map(|period| period.until.saturating_since(period.from.max(since)))
            .sum()
    };
    let healthy = time(HealthState::Healthy);
    let (degraded, down) = (time(HealthState::Degraded), time(HealthState::Down));
    let checked = healthy + degraded + down;
    if checked.is_zero() {
        return "not checked".to_owned();
    }
    let share = match healthy.as_millis() * 1000 / checked.as_millis() {
        1000 => "100 % healthy".to_owned(),
        tenths => format!("{}.{} % healthy", tenths / 10, tenths % 10),
    };
    let failing = [("degraded", degraded), ("down", down)];
    let failing = failing.into_iter().filter(|(_, time)| !time.is_zero());
    let failing =
        failing.map(|(name, time)| format!(", {name} {}", age(Timestamp(0), Timestamp(0) + time)));
    share + &failing.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn period(state: HealthState, from: i64, until: i64) -> HealthPeriod {
        HealthPeriod {
            state,
            from: Timestamp(from),
            until: Timestamp(until),
        }
    }

    #[test]
    fn the_text_has_the_share_and_what_failed() {
        use HealthState::{Degraded, Down, Healthy, Unknown};
        let all = [period(Healthy, 0, 100 * HOUR)];
        let failing = [
            period(Unknown, 0, 40 * HOUR),
            period(Healthy, 40 * HOUR, 98 * HOUR),
            period(Degraded, 98 * HOUR, 98 * HOUR + 30_000),
            period(Down, 98 * HOUR + 30_000, 100 * HOUR),
        ];
        let unknown = [period(Unknown, 0, 100 * HOUR)];
        for (periods, since, expected) in [
            (&all[..], 0, "100 % healthy"),
            (&failing, 0, "96.6 % healthy, degraded < 1 min, down 1 h"),
            (&failing, 99 * HOUR, "0.0 % healthy, down 1 h"),
            (&unknown, 0, "not checked"),
            (&[], 0, "not checked"),
        ] {
            assert_eq!(summary(periods, Timestamp(since)), expected);
        }
    }

    #[test]
    fn bars_cover_the_line_and_outages_are_in_front() {
        use HealthState::{Down, Healthy};
        let periods = [
            period(Healthy, 0, 50),
            period(Healthy, 100, 150),
            period(Down, 150, 150),
            period(Healthy, 150, 200),
        ];
        let found = bars(&periods, Timestamp(100), Timestamp(200));
        let found: Vec<_> = found.iter().map(|bar| (bar.x, bar.y, bar.width)).collect();
        assert_eq!(found, [(0, 8, 500), (500, 8, 500), (500, 0, 4)]);
        let short = [period(Down, 199_999, 200_000)];
        let found = bars(&short, Timestamp(0), Timestamp(200_000));
        assert_eq!((found[0].x, found[0].width), (996, 4));
    }
}
