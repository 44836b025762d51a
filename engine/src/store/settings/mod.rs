//! Tables of settings: of relays and the environment, the policy, and the revisions of all saves.

pub mod environment;
pub mod information;
pub mod policy;
pub mod revisions;
