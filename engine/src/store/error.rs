//! Errors of the database: which are outages, and the refusals they become.

use std::io::ErrorKind;

use domain::{Kind, Refusal};
use sqlx::migrate::MigrateError;

/// The database failed. The source is for the log, not for the caller.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address of the database cannot be parsed.
    #[error("the database URL is invalid; it looks like postgres://user@host/name")]
    Address,
    /// A file of SQLite is a link.
    #[error("{0} in the data folder is a link, which postern does not follow")]
    Link(String),
    /// PostgreSQL is on another machine, and the connection would not be verified.
    #[error(
        "PostgreSQL on another machine needs sslmode=verify-full in its URL; --database-insecure \
         allows a connection that others may read and change"
    )]
    Unprotected,
    /// The server at this host and port does not take the connection.
    #[error("PostgreSQL at {at}: {source}")]
    Refused {
        /// The host and port, or the folder of the socket.
        at: String,
        source: Box<Self>,
    },
    /// No answer within the time limit.
    #[error("it does not answer in time")]
    Timeout,
    /// A search was ended by its time limit.
    #[error("the search took too long")]
    TooSlow,
    /// The tables are of another version.
    #[error("the database was made by a newer Postern, or its migrations were changed")]
    Migration(#[source] MigrateError),
    /// The database failed during a commit, which may nevertheless be on disk.
    #[error("it failed during a commit, which may have been written")]
    Unsure(#[source] Box<Self>),
    /// Any other failure of a direct transaction.
    #[error(transparent)]
    Direct(#[from] rusqlite::Error),
    /// Any other failure.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// A temporary failure, or one that an administrator can repair. The request may succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outage {
    /// The database did not answer, or the connection was lost.
    Unreachable,
    /// Another program holds a lock on the database.
    Locked,
    /// A concurrent transaction changed the same rows.
    Conflict,
    /// The disk of the database is full.
    DiskFull,
    /// The disk of the database cannot be read or written.
    Disk,
    /// The database failed during a commit.
    Unsure,
}

impl Outage {
    const fn message(self) -> &'static str {
        match self {
            Self::Unreachable => {
                "The database does not answer. Try again in a moment; nothing was changed."
            }
            Self::Locked => {
                "Another program has locked the database. Try again in a moment; nothing was changed."
            }
            Self::Conflict => {
                "Another request changed the same data at the same time. Try again; nothing was \
                 changed."
            }
            Self::DiskFull => {
                "The disk of the database is full. Free some space and try again; nothing was \
                 changed."
            }
            Self::Disk => {
                "The disk of the database cannot be read or written. See the log; nothing was \
                 changed."
            }
            Self::Unsure => {
                "The database failed during the commit, and it is unknown whether the change was \
                 stored. Check before you repeat it. Mail with an Idempotency-Key can be \
                 submitted again at once."
            }
        }
    }

    /// Classifies the error code of a database. SQLSTATE has five characters, the class in the first two.
    /// SQLite's codes are shorter numbers, with the primary code in the low octet.
    fn from_code(code: &str) -> Option<Self> {
        if code.len() == 5 {
            return match code {
                "53100" => Some(Self::DiskFull),
                "55P03" => Some(Self::Locked),
                "58030" | "25006" => Some(Self::Disk),
                // A statement in a transaction that has already failed.
                "25P02" => Some(Self::Unreachable),
                code => match &code[..2] {
                    "08" | "53" | "57" => Some(Self::Unreachable),
                    // A deadlock, or a serialisation failure.
                    "40" => Some(Self::Conflict),
                    _ => None,
                },
            };
        }
        match code.parse::<u32>().ok()? & 0xff {
            5 | 6 => Some(Self::Locked),
            13 => Some(Self::DiskFull),
            8 | 10 | 14 => Some(Self::Disk),
            _ => None,
        }
    }
}

impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            error => Self::Migration(error),
        }
    }
}

impl StoreError {
    /// Whether the database is unavailable, so that the failure says nothing about the statement.
    pub fn is_down(&self) -> bool {
        self.outage()
            .is_some_and(|outage| outage != Outage::Conflict)
    }

    /// Whether PostgreSQL cannot be reached or takes no connection yet, which ends by itself. Where it refuses a
    /// password, where the database is missing, and where a certificate is not valid or a file of certificates is
    /// missing, a person has to act.
    pub fn is_away(&self) -> bool {
        match self {
            Self::Refused { at, source } => match &**source {
                // For an address without a port the missing file is the socket; with a port it is a file
                // of certificates that a person named.
                Self::Database(sqlx::Error::Io(error)) if error.kind() == ErrorKind::NotFound => {
                    at.starts_with('/')
                }
                source => source.is_away(),
            },
            Self::Timeout | Self::Database(sqlx::Error::PoolTimedOut) => true,
            Self::Database(sqlx::Error::Io(error)) => !matches!(
                error.kind(),
                // A handshake of TLS that fails is invalid data.
                ErrorKind::InvalidData
                    | ErrorKind::InvalidInput
                    | ErrorKind::PermissionDenied
                    | ErrorKind::IsADirectory
                    | ErrorKind::NotADirectory
            ),
            Self::Database(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| is_not_yet(&code))
            }
            _ => false,
        }
    }

    /// Whether a value has another type than Postern writes there, or is a text that is not UTF-8.
    pub fn is_unreadable(&self) -> bool {
        matches!(
            self,
            Self::Database(sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_))
        )
    }

    /// Whether another program holds a lock on the database.
    pub(super) fn is_locked(&self) -> bool {
        self.outage() == Some(Outage::Locked)
    }

    /// The error of a commit: where the connection or the disk failed, it may have been written.
    pub fn in_commit(self) -> Self {
        match self.outage() {
            Some(Outage::Unreachable | Outage::Disk) => Self::Unsure(Box::new(self)),
            _ => self,
        }
    }

    /// The error of a search: its time limit interrupts it.
    pub(super) fn of_search(self) -> Self {
        // SQLITE_INTERRUPT, and `query_canceled` of PostgreSQL.
        let is_interrupted = matches!(&self, Self::Database(sqlx::Error::Database(error))
            if matches!(error.code().as_deref(), Some("9" | "57014")));
        match is_interrupted {
            true => Self::TooSlow,
            false => self,
        }
    }

    /// Whether a unique constraint was violated.
    pub fn is_taken(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.is_unique_violation())
    }

    fn outage(&self) -> Option<Outage> {
        let error = match self {
            Self::Timeout => return Some(Outage::Unreachable),
            Self::Unsure(_) => return Some(Outage::Unsure),
            Self::Database(
                sqlx::Error::PoolTimedOut
                | sqlx::Error::Io(_)
                // A proxy in front of it closed the connection.
                | sqlx::Error::Protocol(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed,
            ) => return Some(Outage::Unreachable),
            Self::Direct(error) => {
                let code = error.sqlite_error()?.extended_code;
                return Outage::from_code(&code.to_string());
            }
            Self::Database(sqlx::Error::Database(error)) => error,
            _ => return None,
        };
        Outage::from_code(&error.code()?)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::TooSlow) {
            let text = "The search took longer than 2 s and was ended. Narrow it by the state, the \
                        time or the beginning of the address.";
            return Self {
                retry_after: Some(5),
                ..Self::new(Kind::Unavailable, text)
            };
        }
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "the database failed"
        );
        match error.outage() {
            Some(outage) => Self {
                retry_after: Some(5),
                ..Self::new(Kind::Unavailable, outage.message())
            },
            None => Self::internal(),
        }
    }
}

/// Whether PostgreSQL starts, stops or has too many connections, or another process migrates the tables, by SQLSTATE.
fn is_not_yet(code: &str) -> bool {
    matches!(code, "53300" | "55P03" | "57P01" | "57P02" | "57P03")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_is_away_is_told_from_one_that_refuses() {
        for (code, expected) in [
            ("57P03", true),
            ("57P01", true),
            ("57P02", true),
            ("53300", true),
            ("55P03", true),
            // A wrong password, and a database that is missing.
            ("28P01", false),
            ("28000", false),
            ("3D000", false),
            ("42501", false),
            ("53100", false),
        ] {
            assert_eq!(is_not_yet(code), expected, "{code}");
        }
        let [server, socket] = ["db.example.org:5432", "/run/postgresql"];
        let refused = |at: &str, source: StoreError| StoreError::Refused {
            at: at.to_owned(),
            source: Box::new(source),
        };
        for (at, kind, expected) in [
            (server, ErrorKind::ConnectionRefused, true),
            (server, ErrorKind::HostUnreachable, true),
            (server, ErrorKind::UnexpectedEof, true),
            // No socket yet, and a file that `sslrootcert` names.
            (socket, ErrorKind::NotFound, true),
            (server, ErrorKind::NotFound, false),
            (server, ErrorKind::IsADirectory, false),
            (socket, ErrorKind::NotADirectory, false),
            (server, ErrorKind::InvalidData, false),
            (socket, ErrorKind::PermissionDenied, false),
        ] {
            let error = refused(at, sqlx::Error::Io(kind.into()).into());
            assert_eq!(error.is_away(), expected, "{at} {kind}");
        }
        assert!(refused(server, StoreError::Timeout).is_away());
        assert!(!StoreError::Address.is_away());
        assert!(!StoreError::Unprotected.is_away());
    }

    #[test]
    fn codes_of_both_databases_are_classified() {
        for (code, expected) in [
            ("5", Some(Outage::Locked)),
            ("517", Some(Outage::Locked)),
            ("13", Some(Outage::DiskFull)),
            ("778", Some(Outage::Disk)),
            ("14", Some(Outage::Disk)),
            ("1", None),
            ("2067", None),
            ("08006", Some(Outage::Unreachable)),
            ("57P01", Some(Outage::Unreachable)),
            ("25P02", Some(Outage::Unreachable)),
            ("53100", Some(Outage::DiskFull)),
            ("53300", Some(Outage::Unreachable)),
            ("55P03", Some(Outage::Locked)),
            ("40P01", Some(Outage::Conflict)),
            ("40001", Some(Outage::Conflict)),
            ("22021", None),
            ("23505", None),
        ] {
            assert_eq!(Outage::from_code(code), expected, "{code}");
        }
    }

    #[test]
    fn a_failed_commit_may_have_been_written() {
        let unsure = StoreError::Timeout.in_commit();
        assert!(unsure.is_down());
        let refusal = Refusal::from(unsure);
        assert_eq!(refusal.kind, Kind::Unavailable);
        assert!(refusal.retry_after.is_some());
        assert!(!refusal.fields["request"].contains("nothing was changed"));
        let refusal = Refusal::from(StoreError::Timeout);
        assert!(refusal.fields["request"].contains("nothing was changed"));
    }
}
