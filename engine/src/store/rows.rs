//! Many rows in one statement: a statement costs more than a row.

/// The most rows of a statement.
const MOST: usize = 64;

/// The rows in pieces, in their order. Their sizes are powers of two, so that there are few
/// statements to prepare.
pub fn pieces<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = 1_usize << rows.len().min(MOST).checked_ilog2()?;
        let (piece, rest) = rows.split_at(size);
        rows = rest;
        Some(piece)
    })
}

/// `($3, $4), ($5, $6)`: rows of placeholders after the first `before` ones.
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

/// `$3, $4, $5`: placeholders of a list.
pub fn list(before: usize, length: usize) -> String {
    let row = values(before, 1, length);
    row[1..row.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_one_piece_and_every_place_has_a_number() {
        let rows: Vec<u8> = (0..150).collect();
        let sizes: Vec<usize> = pieces(&rows).map(<[u8]>::len).collect();
        assert_eq!(sizes, [64, 64, 16, 4, 2]);
        assert_eq!(pieces::<u8>(&[]).count(), 0);
        assert_eq!(pieces(&rows).flatten().copied().collect::<Vec<_>>(), rows);
        assert_eq!(values(1, 2, 2), "($2, $3), ($4, $5)");
        assert_eq!(list(2, 3), "$3, $4, $5");
    }
}
