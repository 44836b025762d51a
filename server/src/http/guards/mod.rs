//! Middleware for sessions: administrator networks, second-factor enrolment, confirmation.

pub mod confirmation;
#[cfg(test)]
mod confirmation_tests;
pub mod enrolment;
pub mod networks;
#[cfg(test)]
mod networks_tests;
