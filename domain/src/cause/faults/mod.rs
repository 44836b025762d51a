//! Causes of failures without a reply: what Postern observed itself.

pub mod certificate;
pub mod encryption;
pub mod hanging;
pub mod reach;
