//! The forms of the console: their routes, their decoding, and those that begin or end a session.

#[cfg(test)]
mod account_forms_tests;
pub mod form_routes;
pub mod second_step;
pub mod session;
#[cfg(test)]
mod session_list_tests;
