//! The pages of the console.

mod account;
mod email;
mod entrance;
mod login;
mod refused;
mod setup;

pub use account::Account;
pub use email::Email;
pub use login::Login;
pub use refused::NotFound;
pub use setup::Setup;
