//! The forms of the console: routes, decoding, pages, and those that begin or end a session.

#[cfg(test)]
mod account_tests;
pub mod decode;
pub mod page;
pub mod routes;
pub mod second_step;
pub mod session;
#[cfg(test)]
mod session_list_tests;
