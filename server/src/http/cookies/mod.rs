//! The cookies of the console, each with what it carries.

pub mod flash;
mod names;
pub mod second_step;
pub mod sessions;
