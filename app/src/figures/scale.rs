//! The geometry of the chart: places of bars, heights of numbers, and where labels stand.

use domain::Timestamp;
use domain::figures::{FigureRow, FigureStep};
use domain::timestamp::DAY;

/// The size of the drawing, in units of its viewBox.
pub const WIDTH: f64 = 720.0;
pub const HEIGHT: f64 = 280.0;

/// The top and the bottom of the bars.
const TOP: f64 = 28.0;
const BOTTOM: f64 = 236.0;

/// How near to an edge the middle of a label may be. One that would be moved further is left out.
const MARGIN: f64 = 48.0;

/// The height of the smallest number above zero.
const LEAST: f64 = 1.5;

/// The numbers and rows that a chart has room for.
#[derive(Clone, Copy, Debug)]
pub struct ChartScale {
    /// The number at the top.
    pub max: u64,
    rows: usize,
}

/// A bar or a part of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// A label below the bars.
#[derive(Clone, Debug, PartialEq)]
pub struct AxisLabel {
    pub x: f64,
    pub text: String,
}

/// A number for an attribute: hundredths are finer than any screen.
pub fn coordinate(number: f64) -> String {
    format!("{number:.2}")
}

impl ChartScale {
    /// The scale of rows: up to the next of 1, 2 or 5 times a power of ten.
    pub fn of(rows: &[FigureRow]) -> Self {
        let highest = rows.iter().map(|row| {
            let settled = row.delivered.saturating_add(row.failed);
            settled.max(row.accepted).max(row.deferred)
        });
        Self {
            max: round_up(highest.max().unwrap_or_default()),
            rows: rows.len().max(1),
        }
    }

    /// The height above the bottom of a number.
    fn height(&self, number: u64) -> f64 {
        match number {
            0 => 0.0,
            number => {
                let height = number as f64 / self.max as f64 * (BOTTOM - TOP);
                height.clamp(LEAST, BOTTOM - TOP)
            }
        }
    }

    /// Where a number is.
    pub fn y(&self, number: u64) -> f64 {
        BOTTOM - self.height(number)
    }

    fn slot(&self) -> f64 {
        WIDTH / self.rows as f64
    }

    /// The left edge of the place of a row.
    pub fn left(&self, index: usize) -> f64 {
        self.slot() * index as f64
    }

    /// The middle of the place of a row.
    pub fn middle(&self, index: usize) -> f64 {
        self.left(index) + self.slot() / 2.0
    }

    /// The bar of a number on top of another one.
    pub fn bar(&self, index: usize, below: u64, number: u64) -> Bar {
        let slot = self.slot();
        let gap = slot * 0.15;
        let height = self.height(number);
        Bar {
            x: self.left(index) + gap,
            y: (self.y(below) - height).max(0.0),
            width: slot - 2.0 * gap,
            height,
        }
    }

    /// The labels of the times of rows.
    pub fn labels(&self, rows: &[FigureRow], step: FigureStep) -> Vec<AxisLabel> {
        let labels = rows.iter().enumerate().filter_map(|(index, row)| {
            let text = label(row.start, step, rows.len())?;
            let middle = self.middle(index);
            let x = middle.clamp(MARGIN, WIDTH - MARGIN);
            ((x - middle).abs() <= MARGIN / 2.0).then_some(AxisLabel { x, text })
        });
        labels.collect()
    }
}

/// The label of a row; `None` for those between labels.
fn label(start: Timestamp, step: FigureStep, rows: usize) -> Option<String> {
    let text = start.rfc3339();
    let (date, time) = text.split_once('T')?;
    let hour: u32 = time.get(..2)?.parse().ok()?;
    let (month, day) = (date.get(5..7)?, date.get(8..10)?);
    let days = start.periods(DAY);
    match step {
        FigureStep::Hour if rows <= 48 => hour.is_multiple_of(4).then(|| time[..5].to_owned()),
        FigureStep::Hour => (hour == 0).then(|| format!("{month}-{day}")),
        FigureStep::Day if rows <= 62 => (days % 7 == 0).then(|| format!("{month}-{day}")),
        FigureStep::Day => {
            let quarter = matches!(month, "01" | "04" | "07" | "10");
            (quarter && day == "01").then(|| date[..7].to_owned())
        }
    }
}

/// The next of 1, 2 or 5 times a power of ten, at least 2.
fn round_up(number: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        for factor in [1, 2, 5] {
            let round = power.saturating_mul(factor);
            if round >= number.max(2) {
                return round;
            }
        }
        power = power.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use domain::figures::{FigureCounts, Figures};

    use super::*;

    fn rows(step: FigureStep, number: u32) -> Vec<FigureRow> {
        // 2026-11-20 00:00 UTC.
        let start = Timestamp(1_795_132_800_000);
        let end = start + number * step.length();
        let counts = FigureCounts {
            accepted: 30,
            delivered: 20,
            deferred: 1,
            failed: 5,
            ..FigureCounts::default()
        };
        Figures::of(step, start..end, [(start, &counts)]).rows
    }

    #[test]
    fn the_top_is_a_round_number() {
        for (number, round) in [
            (0, 2),
            (1, 2),
            (2, 2),
            (3, 5),
            (9, 10),
            (11, 20),
            (201, 500),
            (999_999, 1_000_000),
            (u64::MAX, u64::MAX),
        ] {
            assert_eq!(round_up(number), round, "{number}");
        }
    }

    #[test]
    fn bars_are_stacked_within_the_drawing() {
        let rows = rows(FigureStep::Hour, 24);
        let scale = ChartScale::of(&rows);
        assert_eq!(scale.max, 50);
        let delivered = scale.bar(0, 0, 20);
        let failed = scale.bar(0, 20, 5);
        assert!((delivered.y + delivered.height - BOTTOM).abs() < 1e-9);
        assert!((failed.y + failed.height - delivered.y).abs() < 1e-9);
        assert!((failed.height * 4.0 - delivered.height).abs() < 1e-9);
        assert!(failed.y > scale.y(30) && scale.y(30) > scale.y(50));
        assert!((scale.y(50) - TOP).abs() < 1e-9);
        let last = scale.bar(23, 0, 50);
        assert!(last.x + last.width < WIDTH && last.width > 0.0);
        assert!(scale.bar(1, 0, 0).height == 0.0 && scale.bar(1, 0, 1).height >= LEAST);
    }

    #[test]
    fn labels_are_few_and_apart() {
        for (step, number, first, labels) in [
            (FigureStep::Hour, 24, "04:00", 5),
            (FigureStep::Hour, 168, "11-21", 6),
            (FigureStep::Day, 30, "11-26", 4),
            (FigureStep::Day, 365, "2027-01", 4),
        ] {
            let rows = rows(step, number);
            let found = ChartScale::of(&rows).labels(&rows, step);
            assert_eq!((found[0].text.as_str(), found.len()), (first, labels));
            for pair in found.windows(2) {
                assert!(pair[1].x - pair[0].x > 75.0, "{found:?}");
            }
        }
        let none = ChartScale::of(&[]);
        assert!(none.labels(&[], FigureStep::Day).is_empty() && none.max == 2);
    }
}
