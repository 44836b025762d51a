//! `postern migrate`: moves the SQLite database of the data folder to PostgreSQL.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use domain::refusal::REQUEST;
use domain::{Kind, Refusal};
use engine::{Clock, MoveRequest};

use super::bootstrap::{Bootstrap, host, operator};
use crate::process::{data_folder, stderr};

/// Moves the database while no other process serves or delivers, and prints the number of rows of each table.
pub async fn migrate(bootstrap: Bootstrap) -> Result<ExitCode, Box<dyn Error>> {
    if !bootstrap.is_local() {
        return Err(
            "the database is PostgreSQL already; migrate moves the SQLite database of the data folder, \
             without --database and POSTERN_DATABASE"
                .into(),
        );
    }
    let database_insecure = bootstrap.allows_insecure_database();
    let Some(address) = bootstrap.move_to else {
        let text = "--to, or POSTERN_DATABASE_URL, names the PostgreSQL database to move to";
        return Err(Refusal::of(Kind::Invalid, REQUEST, text).into());
    };
    let data = bootstrap.data;
    let _serving = data_folder::lock(&data)?;
    let _delivering = data_folder::lock_delivery(&data)?;
    let request = MoveRequest {
        data: data.clone(),
        address,
        database_insecure,
        clock: Clock::default(),
        host: host(),
    };
    let moved = engine::move_to_postgres(request, &operator()).await?;
    let mut out = io::stdout().lock();
    for table in &moved {
        writeln!(out, "{:>12}  {}", table.rows, table.name)?;
    }
    let rows: u64 = moved.iter().map(|table| table.rows).sum();
    stderr::line(&format!(
        "{rows} rows of {} tables are in PostgreSQL; each table there was read back and is the same",
        moved.len()
    ));
    stderr::line(&format!(
        "start postern with POSTERN_DATABASE and the keys in {} from now on; delivery is paused in the SQLite \
         database: resumed there, its queued mail is sent twice",
        data.join("keys").display()
    ));
    Ok(ExitCode::SUCCESS)
}
