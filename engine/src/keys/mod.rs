//! The keys service: lists, rotates and retires keys, and seals stored values anew.
//!
//! A node learns of another node's key in two ways: it reads the file when it meets a value that the key
//! sealed, and the background task follows the table of keys. A new key seals only when every node has its
//! file, so that no node meets a value that it cannot open.

mod background;
mod figures;
mod pass;
mod reseal;
mod service;

pub use figures::KeyFigures;
pub(crate) use service::KeyServices;
pub use service::SealingKeys;
