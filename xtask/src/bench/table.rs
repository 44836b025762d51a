//! Formats benchmark results as a Markdown table for the README.

use std::time::Duration;

/// One row of the table.
pub struct Row {
    pub what: String,
    pub measured: String,
    /// The required value.
    pub minimum: String,
    /// The desired value.
    pub goal: String,
    /// Figures for comparison.
    pub beside: String,
}

const HEADS: [&str; 5] = ["what", "measured", "at least", "goal", "beside it"];

pub fn table(rows: &[Row]) -> String {
    let mut lines = vec![HEADS.map(str::to_owned)];
    lines.push(HEADS.map(|_| "---".to_owned()));
    lines.extend(rows.iter().map(|row| {
        [
            &row.what,
            &row.measured,
            &row.minimum,
            &row.goal,
            &row.beside,
        ]
        .map(|cell| {
            if cell.is_empty() {
                "–".to_owned()
            } else {
                cell.clone()
            }
        })
    }));
    let lines = lines
        .iter()
        .map(|cells| format!("| {} |\n", cells.join(" | ")));
    lines.collect()
}

/// Formats a number as `12,345`.
pub fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The quantile of ascending times for `share`, as in 0.99.
pub fn quantile(ascending: &[Duration], share: f64) -> Duration {
    let at = (ascending.len() as f64 * share) as usize;
    let at = at.min(ascending.len().saturating_sub(1));
    ascending.get(at).copied().unwrap_or_default()
}

/// Runs of each short benchmark; the median is reported.
pub const RUNS: usize = 3;

/// The median; the lower of the two middle ones for an even number of runs.
pub fn median<T>(mut runs: Vec<T>, by: impl Fn(&T) -> f64) -> Option<T> {
    runs.sort_by(|one, other| by(one).total_cmp(&by(other)));
    let middle = runs.len().checked_sub(1)? / 2;
    Some(runs.swap_remove(middle))
}

/// The lowest and the highest figure, as `1,180–1,320`.
pub fn spread(runs: &[f64]) -> String {
    let lowest = runs.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = runs.iter().copied().fold(0.0, f64::max);
    format!("{}–{}", thousands(lowest), thousands(highest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_in_threes() {
        assert_eq!(thousands(7.4), "7");
        assert_eq!(thousands(123.0), "123");
        assert_eq!(thousands(13258.3), "13,258");
        assert_eq!(thousands(1e6), "1,000,000");
    }

    #[test]
    fn the_spread_is_from_the_lowest_to_the_highest() {
        assert_eq!(spread(&[1250.0, 1180.2, 1320.0]), "1,180–1,320");
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3, 1, 2], |run| f64::from(*run)), Some(2));
        assert_eq!(median(Vec::<u8>::new(), |run| f64::from(*run)), None);
    }
}
