//! The fields of the settings form: their inputs, hints, faults and warnings.

mod certificates;
mod control;
mod earlier_passwords;
mod entries;
mod field;
mod password;
mod row;
mod warnings;

pub use certificates::{add_pasted, stop_at_unadded, trust};
pub use field::Field;
pub use password::Password;
