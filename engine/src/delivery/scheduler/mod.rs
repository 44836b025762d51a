//! What a worker claims, and when: shares of flows, reservations, mail that is just accepted.

mod claim;
mod claim_shares;
mod local_worker;
pub(super) mod reservations;
