//! Parts that several pages are made of.

mod adding;
mod field;
mod mark;
mod notice;
mod providers;

pub use adding::adding;
pub use field::Field;
pub use mark::{Brand, Icon, Sign};
pub use notice::{Bad, Good};
pub use providers::providers;
