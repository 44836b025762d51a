//! Multi-row statements: blocks of rows, placeholders, and values as stored.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::AssertSqlSafe;

use crate::store::Connection;

/// The maximum number of rows of a statement.
const MAX_ROWS: usize = 64;

/// The duration of so many milliseconds, as stored; zero where the number is negative.
pub fn duration(milliseconds: i64) -> Duration {
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default())
}

/// A value as stored, in JSON.
///
/// # Errors
/// If the value cannot be represented in JSON.
pub fn json(value: &impl Serialize) -> Result<String, sqlx::Error> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// The value of a column with JSON.
///
/// # Errors
/// If the text is not such a value.
pub fn of_json<T: DeserializeOwned>(text: &str) -> Result<T, sqlx::Error> {
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// Rows of one statement, which costs more than a row. It has places for a power of two of them, so
/// that there are few statements to prepare; in unused places the first value is NULL.
pub struct RowBlock<'a, T> {
    rows: &'a [T],
    pub places: usize,
}

/// Splits rows into blocks, in their order.
pub fn blocks<T>(rows: &[T]) -> impl Iterator<Item = RowBlock<'_, T>> {
    rows.chunks(MAX_ROWS).map(|rows| RowBlock {
        rows,
        places: rows.len().next_power_of_two(),
    })
}

impl<'a, T> RowBlock<'a, T> {
    /// The row of each place; `None` for unused places.
    pub fn iter(&self) -> impl Iterator<Item = Option<&'a T>> + use<'a, T> {
        let rows = self.rows.iter().map(Some);
        rows.chain(std::iter::repeat(None)).take(self.places)
    }
}

/// An INSERT of the rows of a block. The first column must be NOT NULL.
pub fn insert(table: &str, columns: &str, places: usize) -> String {
    let values = values(0, places, columns.split(',').count());
    format!(
        "INSERT INTO {table} ({columns}) \
         SELECT * FROM (VALUES {values}) AS v WHERE v.column1 IS NOT NULL"
    )
}

/// A statement whose placeholders are in the order of their numbers. For SQLite the numbers are
/// removed: it searches all parameters for each numbered one.
pub fn in_order(connection: &Connection, sql: String) -> AssertSqlSafe<String> {
    AssertSqlSafe(match connection.backend_name() {
        "SQLite" => without_numbers(&sql),
        _ => sql,
    })
}

fn without_numbers(sql: &str) -> String {
    let mut pieces = sql.split('$');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for (number, piece) in (1_usize..).zip(pieces) {
        let rest = piece.trim_start_matches(|digit: char| digit.is_ascii_digit());
        debug_assert_eq!(
            piece[..piece.len() - rest.len()].parse(),
            Ok(number),
            "{sql}"
        );
        text.push('?');
        text.push_str(rest);
    }
    text
}

/// Rows of placeholders after the first `before` ones: `($3, $4), ($5, $6)`.
pub fn values(before: usize, rows: usize, columns: usize) -> String {
    let mut text = String::with_capacity(rows * columns * 5);
    let mut number = before;
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            number += 1;
            if column > 0 {
                text.push_str(", ");
            }
            text.push('$');
            text.push_str(&number.to_string());
        }
        text.push(')');
    }
    text
}

/// Placeholders of a list after the first `before` ones: `$3, $4, $5`.
pub fn list(before: usize, length: usize) -> String {
    let row = values(before, 1, length);
    row[1..row.len() - 1].to_owned()
}

/// The pattern of LIKE with ESCAPE '\\' that matches texts which contain `text`.
pub fn contains(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\");
    let escaped = escaped.replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_one_block_and_every_place_has_a_number() {
        let rows: Vec<u8> = (0..150).collect();
        let places: Vec<usize> = blocks(&rows).map(|block| block.places).collect();
        assert_eq!(places, [64, 64, 32]);
        assert_eq!(blocks::<u8>(&[]).count(), 0);
        let held: Vec<Option<&u8>> = blocks(&rows).flat_map(|block| block.iter()).collect();
        assert!(held[..150].iter().copied().flatten().eq(&rows));
        assert_eq!(held[150..], [None; 10]);
        assert_eq!(values(1, 2, 2), "($2, $3), ($4, $5)");
        assert_eq!(list(2, 3), "$3, $4, $5");
        assert_eq!(
            without_numbers(&values(0, 1, 11)),
            "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        );
        assert_eq!(without_numbers("a"), "a");
        assert_eq!(contains(r"5% of a_b\c"), r"%5\% of a\_b\\c%");
        assert_eq!(
            insert("t", "a, b", 1),
            "INSERT INTO t (a, b) SELECT * FROM (VALUES ($1, $2)) AS v WHERE v.column1 IS NOT NULL"
        );
    }
}
