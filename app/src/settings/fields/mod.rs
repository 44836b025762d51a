//! The fields of the settings form: their inputs, hints, faults and warnings.

#[cfg(feature = "ssr")]
mod certificate_box;
mod certificates;
mod control;
mod earlier_passwords;
mod entries;
mod input;
mod password;
mod row;
mod warnings;

#[cfg(feature = "ssr")]
pub use certificate_box::CertificateBox;
pub use certificates::{add_pasted, stop_at_unadded, trust};
pub use input::Field;
pub use password::Password;
