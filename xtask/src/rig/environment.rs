//! Data folders and a PostgreSQL server for the Posterns of one command.

use super::{
    postern::Plan,
    postgres::{Durability, Postgres},
};
use crate::{guard::TempDir, workspace};
use anyhow::{Context, Result};
use std::{
    fmt,
    path::{Path, PathBuf},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    Sqlite,
    Postgres,
}

impl fmt::Display for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}

pub struct Environment {
    program: PathBuf,
    folder: TempDir,
    postgres: Option<Postgres>,
    durability: Durability,
    plans: u32,
}

impl Environment {
    /// The folder lies in the target folder: `/tmp` may be a tmpfs, where a sync costs nothing.
    pub fn new(program: PathBuf, purpose: &str, durability: Durability) -> Result<Self> {
        Ok(Self {
            program,
            folder: TempDir::create(&workspace::cache_dir(), purpose)?,
            postgres: None,
            durability,
            plans: 0,
        })
    }

    pub fn folder(&self) -> &Path {
        &self.folder.0
    }

    /// The configuration of a fresh Postern: no data, an empty database.
    pub fn plan(&mut self, engine: Database) -> Result<Plan> {
        self.plans += 1;
        let name = format!("postern{}", self.plans);
        let database = match engine {
            Database::Sqlite => None,
            Database::Postgres => Some(self.postgres()?.database(&name)?),
        };
        Plan::new(&self.program, &self.folder.0, &name, database)
    }

    /// Deadlocks that PostgreSQL has reported so far.
    pub fn deadlocks(&self) -> u64 {
        self.postgres.as_ref().map_or(0, Postgres::deadlocks)
    }

    /// The PostgreSQL server, started on first use.
    pub fn postgres(&mut self) -> Result<&mut Postgres> {
        if self.postgres.is_none() {
            // The user `postgres` cannot enter root's folders, and /var/tmp is not a tmpfs.
            let parent = Path::new("/var/tmp");
            self.postgres = Some(Postgres::start(parent, self.durability)?);
        }
        self.postgres.as_mut().context("no PostgreSQL")
    }
}
