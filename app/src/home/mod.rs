//! Home: whether mail can leave, what waits, what failed, the relays, and the figures of the day.

mod data;
mod failures;
mod mail_status;
mod next_step;
mod page;
mod relays;
mod waiting;

pub use page::HomePage;

/// The page, the first after signing in.
pub const HOME: &str = "/home";
