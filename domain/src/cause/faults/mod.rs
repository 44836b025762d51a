//! Causes of failures without a reply, which Postern observed itself.

pub mod certificate;
pub mod encryption;
pub mod hanging;
pub mod reach;
