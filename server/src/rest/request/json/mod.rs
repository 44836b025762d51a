//! JSON request bodies: parsed into a tree, then decoded into types with every fault reported.

mod decode;
mod faults;
mod value;

pub use decode::{Path, decode};
pub use domain::lenient::{Lenient, lenient};
pub use faults::Faults;
pub use value::{Json, parse};
