//! What a mail is made of: from what an application hands over to finished bytes, and from those
//! back to words. No store, no clock, no network.

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

pub use read_back::{Attached, Letter, read_back};
pub use submission::{Attachment, Finished, Sender, Submission};
