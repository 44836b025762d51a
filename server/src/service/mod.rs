//! The commands `serve` and `deliver`, how they open Postern, and the tasks that they run.

pub mod deliver;
mod health_checks;
mod key_maintenance;
mod open;
pub mod serve;
mod webhooks;
#[cfg(test)]
mod webhooks_tests;
