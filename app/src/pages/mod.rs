//! The pages of the console.

mod account;
mod entrance;
mod login;
mod refused;
mod setup;

pub use account::Account;
pub use login::Login;
pub use refused::NotFound;
pub use setup::Setup;
