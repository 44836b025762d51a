//! Tables of delivery: its events, its pause, the workers, and the suppression list.

pub mod events;
pub mod pause;
pub mod suppressions;
pub mod workers;
