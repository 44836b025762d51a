//! Submission: what applications and programs send, from which addresses, and how much.

mod envelopes;
mod program_senders;
mod senders;
mod sending_limits;
mod submitting;
mod tokens;
