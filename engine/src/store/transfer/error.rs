//! Errors of moving a database.

use crate::store::StoreError;

/// Why a database cannot be moved to PostgreSQL.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The PostgreSQL database belongs to something else.
    #[error(
        "the PostgreSQL database has the table {0} of another program; create a database for Postern alone"
    )]
    Foreign(String),
    /// The PostgreSQL database has rows.
    #[error(
        "the PostgreSQL database is not empty, its table {0} has rows; create a new one, and do not start \
         postern on it before"
    )]
    NotEmpty(String),
    /// The tables of the two databases differ.
    #[error("the table {0} has other columns in PostgreSQL")]
    Columns(String),
    /// A value that no column of PostgreSQL has.
    #[error(
        "a value of the column {column} of the table {table} is neither a text nor a whole number nor octets"
    )]
    Value {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A text that PostgreSQL does not store.
    #[error(
        "the column {column} of the table {table} has a text with a NUL, or one that is not UTF-8, which \
         PostgreSQL does not store, in the row with {row}; change it there, or delete the row"
    )]
    Text {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The primary key of the row, as in `id = 7`.
        row: String,
    },
    /// PostgreSQL refuses the rows of a table.
    #[error("the table {table} cannot be written: {source}")]
    Table {
        /// The table.
        table: String,
        /// The error of PostgreSQL.
        source: StoreError,
    },
    /// The rows in PostgreSQL differ from those that were sent.
    #[error(
        "the table {table} differs after it was copied: {read} rows were read, and PostgreSQL has {written}"
    )]
    Differs {
        /// The table.
        table: String,
        /// The number of rows that were read.
        read: u64,
        /// The number of rows in PostgreSQL.
        written: u64,
    },
    /// A database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for TransferError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<rusqlite::Error> for TransferError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}
