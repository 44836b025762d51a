//! SMTP sessions as observed: stages, replies, extensions and certificates.

pub mod capability;
pub mod certificate;
pub mod reply;
pub mod stage;
