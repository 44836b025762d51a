//! Moving all rows from SQLite to an empty PostgreSQL database, table by table in one transaction.

mod copy_text;
mod error;
mod source;
mod target;

use sqlx::{Connection as _, PgConnection};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::StoreError;
use copy_text::TableDigest;
use source::SourceTable;

pub use error::TransferError;
pub use source::LockedSource;

/// The number of chunks that are read ahead of PostgreSQL.
const CHUNKS: usize = 4;

/// A table whose rows were moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedTable {
    /// The name of the table.
    pub name: String,
    /// The number of rows.
    pub rows: u64,
}

/// Copies all rows to the PostgreSQL database at `address`, and commits them once every table there has the same
/// rows. The database is migrated first. One row at a time is in memory, and less than 2 MiB beside it.
///
/// # Errors
/// [`TransferError`], after which PostgreSQL has the tables, without rows of the source.
pub async fn transfer(
    source: &LockedSource,
    address: &str,
) -> Result<Vec<MovedTable>, TransferError> {
    let tables = source.tables()?;
    let mut connection = target::connect(address).await?;
    target::migrate(&mut connection).await?;
    let seeds = target::seeds().await?;
    let mut work = connection.begin().await?;
    target::lock(&mut work, &tables).await?;
    target::check_columns(&mut work, &tables).await?;
    target::check_empty(&mut work, &tables, &seeds).await?;
    target::enable_triggers(&mut work, &tables, false).await?;
    target::clear(&mut work, &tables).await?;
    let mut digests = Vec::new();
    for table in &tables {
        digests.push(copy(source, table, &mut work).await?);
    }
    target::set_sequences(&mut work).await?;
    for (table, read) in tables.iter().zip(&digests) {
        let written = target::digest(&mut work, table).await?;
        if written != *read {
            return Err(TransferError::Differs {
                table: table.name.clone(),
                read: read.rows,
                written: written.rows,
            });
        }
    }
    target::enable_triggers(&mut work, &tables, true).await?;
    let committed = work.commit().await;
    committed.map_err(|error| StoreError::from(error).in_commit())?;
    target::analyze(&mut connection).await?;
    let moved = tables.into_iter().zip(digests);
    let moved = moved.map(|(table, digest)| MovedTable {
        name: table.name,
        rows: digest.rows,
    });
    Ok(moved.collect())
}

/// Copies the rows of a table. They are read by a thread of their own, no faster than PostgreSQL takes them.
async fn copy(
    source: &LockedSource,
    table: &SourceTable,
    connection: &mut PgConnection,
) -> Result<TableDigest, TransferError> {
    let failed = |error: sqlx::Error| TransferError::Table {
        table: table.name.clone(),
        source: error.into(),
    };
    let statement = format!("COPY {} FROM STDIN", table.with_columns());
    let mut copy = connection.copy_in_raw(&statement).await.map_err(failed)?;
    let (sender, mut chunks) = mpsc::channel::<Vec<u8>>(CHUNKS);
    let (reader, read) = (source.clone(), table.clone());
    let reading =
        spawn_blocking(move || reader.read(&read, |chunk| sender.blocking_send(chunk).is_ok()));
    while let Some(chunk) = chunks.recv().await {
        copy.send(chunk).await.map_err(failed)?;
    }
    match reading.await.map_err(|_| sqlx::Error::WorkerCrashed)? {
        Ok(digest) => {
            copy.finish().await.map_err(failed)?;
            Ok(digest)
        }
        Err(error) => {
            // The transaction ends without its commit.
            let _ = copy.abort("the rows cannot be read").await;
            Err(error)
        }
    }
}
