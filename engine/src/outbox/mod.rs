//! The outbox: mail that was handed over is kept, delivered and accounted for.
//!
//! A `submission` becomes its bytes by its parts (`compose`: `addressees` and their `mailbox`es,
//! `extra` header fields, the `head`, the `mime` body) or as it is (`raw`, `raw_head`). The
//! `writer` keeps it. `read_back` shows it to people.

mod addressees;
mod compose;
#[cfg(test)]
mod compose_tests;
mod extra;
mod head;
mod mailbox;
mod mime;
mod raw;
mod raw_head;
#[cfg(test)]
mod raw_tests;
mod read_back;
mod submission;
mod writer;

pub use read_back::{Attached, Letter, read_back};
pub use submission::{Attachment, Finished, Sender, Submission};
