//! What is wrong where the database fails, and what people are told of it.

use domain::{Kind, Refusal};

const SILENT: &str = "The database does not answer. Try again in a moment; nothing was changed.";
const BUSY: &str =
    "Another program has locked the database. Try again in a moment; nothing was changed.";
const COLLIDED: &str =
    "Somebody else changed the same at that moment. Try again; nothing was changed.";
const FULL: &str = "There is no room left on the disk of the database. Make room and try again; nothing was changed.";
const FAULTY: &str =
    "The disk of the database cannot be read or written. Look at the log; nothing was changed.";
const UNSURE: &str = "The database failed in the middle of this, and whether it was done is not known. Look before you do it again. Mail with an Idempotency-Key can be handed over again at once.";

/// The database failed. What failed is for the log.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the database address is not understood; it looks like postgres://user@host/name")]
    Address,
    #[error("it does not answer in time")]
    Silent,
    #[error("the database was made by a newer Postern, or its migrations were changed")]
    Migration(#[source] sqlx::migrate::MigrateError),
    #[error("it failed while it wrote, and may have written")]
    Unsure(#[source] Box<Self>),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl StoreError {
    /// Whether the database is not there, or cannot write: it says nothing of what was to be written.
    pub fn is_down(&self) -> bool {
        self.outage().is_some_and(|outage| outage != COLLIDED)
    }

    /// The same, where it may have been done nevertheless.
    pub fn in_commit(self) -> Self {
        match self.outage() {
            Some(SILENT | FAULTY) => Self::Unsure(Box::new(self)),
            _ => self,
        }
    }

    /// What a person is told where the database is not there, or cannot write.
    fn outage(&self) -> Option<&'static str> {
        let error = match self {
            Self::Silent => return Some(SILENT),
            Self::Unsure(_) => return Some(UNSURE),
            Self::Database(
                sqlx::Error::PoolTimedOut
                | sqlx::Error::Io(_)
                // Whoever stands before it hangs up.
                | sqlx::Error::Protocol(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed,
            ) => return Some(SILENT),
            Self::Database(sqlx::Error::Database(error)) => error,
            _ => return None,
        };
        outage(&error.code()?)
    }

    /// Whether a row stood in the way that another wrote first.
    pub fn is_taken(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.is_unique_violation())
    }
}

/// By the code of a database. SQLSTATE has five characters, the class in the first two; SQLite has
/// numbers of fewer, the particulars in the higher octets.
fn outage(code: &str) -> Option<&'static str> {
    if code.len() == 5 {
        return match code {
            "53100" => Some(FULL),
            "55P03" => Some(BUSY),
            "58030" | "25006" => Some(FAULTY),
            // Within a transaction that failed before.
            "25P02" => Some(SILENT),
            code => match &code[..2] {
                "08" | "53" | "57" => Some(SILENT),
                // A deadlock, or a transaction that was rolled back for others.
                "40" => Some(COLLIDED),
                _ => None,
            },
        };
    }
    match code.parse::<u32>().ok()? & 0xff {
        5 | 6 => Some(BUSY),
        13 => Some(FULL),
        8 | 10 | 14 => Some(FAULTY),
        _ => None,
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "the database failed"
        );
        match error.outage() {
            Some(text) => Self {
                retry_after: Some(5),
                ..Self::new(Kind::Unavailable, text)
            },
            None => Self::internal(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_code_means() {
        for (code, expected) in [
            ("5", Some(BUSY)),
            ("517", Some(BUSY)),
            ("13", Some(FULL)),
            ("778", Some(FAULTY)),
            ("14", Some(FAULTY)),
            ("1", None),
            ("2067", None),
            ("08006", Some(SILENT)),
            ("57P01", Some(SILENT)),
            ("25P02", Some(SILENT)),
            ("53100", Some(FULL)),
            ("53300", Some(SILENT)),
            ("55P03", Some(BUSY)),
            ("40P01", Some(COLLIDED)),
            ("40001", Some(COLLIDED)),
            ("22021", None),
            ("23505", None),
        ] {
            assert_eq!(outage(code), expected, "{code}");
        }
    }

    #[test]
    fn what_failed_in_a_commit_may_have_been_done() {
        let unsure = StoreError::Silent.in_commit();
        assert!(unsure.is_down());
        let refusal = Refusal::from(unsure);
        assert_eq!(refusal.kind, Kind::Unavailable);
        assert!(refusal.retry_after.is_some());
        assert!(!refusal.fields["request"].contains("nothing was changed"));
        let refusal = Refusal::from(StoreError::Silent);
        assert!(refusal.fields["request"].contains("nothing was changed"));
    }
}
