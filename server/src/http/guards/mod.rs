//! What is asked of people before their requests: a network, a second factor, a confirmation.

pub mod confirmation;
#[cfg(test)]
mod confirmation_tests;
pub mod enrolment;
pub mod networks;
#[cfg(test)]
mod networks_tests;
