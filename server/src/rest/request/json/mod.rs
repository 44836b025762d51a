//! JSON request bodies: parsed into a tree, then decoded into types with every fault reported.

mod decode;
mod faults;
mod value;

pub use decode::{Lenient, Path, decode, lenient};
pub use faults::Faults;
pub use value::{Json, parse};
