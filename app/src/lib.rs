//! The console: Leptos pages and islands, and the server functions that the islands call.
//!
//! Pages are rendered on the server only; the browser gets the islands and what they need. A
//! feature has one folder with its page, its paths, its forms with their handlers, and its views:
//! `account`, `accounts`, `audit`, `domains`, `entrance` (without a session), `figures`, `health` (of relays),
//! `history` (of settings), `home`, `interfaces`, `keys`, `limits`, `my_relay`, `outbox`, `policy`, `relays`,
//! `senders`, `settings`, `suppressions`, `webhooks`.

// The view of a page is one nested type, deeper than the default limit.
#![recursion_limit = "512"]

mod components;
mod element;
pub mod entrance;
mod live;
mod reactive;
mod server_fns;
mod settings;

#[cfg(feature = "ssr")]
pub mod account;
#[cfg(feature = "ssr")]
pub mod accounts;
#[cfg(feature = "ssr")]
pub mod audit;
#[cfg(feature = "ssr")]
pub mod domains;
#[cfg(feature = "ssr")]
pub mod figures;
#[cfg(feature = "ssr")]
mod flash;
#[cfg(feature = "ssr")]
mod form;
#[cfg(feature = "ssr")]
mod form_routes;
#[cfg(feature = "ssr")]
mod health;
#[cfg(feature = "ssr")]
pub mod history;
#[cfg(feature = "ssr")]
pub mod home;
#[cfg(feature = "ssr")]
pub mod interfaces;
#[cfg(feature = "ssr")]
pub mod keys;
#[cfg(feature = "ssr")]
mod layout;
#[cfg(feature = "ssr")]
pub mod limits;
#[cfg(feature = "ssr")]
pub mod my_relay;
#[cfg(feature = "ssr")]
pub mod outbox;
#[cfg(feature = "ssr")]
pub mod policy;
#[cfg(feature = "ssr")]
pub mod relays;
#[cfg(feature = "ssr")]
mod request;
#[cfg(feature = "ssr")]
mod routes;
#[cfg(feature = "ssr")]
pub mod senders;
#[cfg(feature = "ssr")]
mod server_prelude;
#[cfg(feature = "ssr")]
mod shell;
#[cfg(feature = "ssr")]
pub mod suppressions;
#[cfg(feature = "ssr")]
pub mod webhooks;

#[cfg(feature = "ssr")]
pub use components::PasskeyScript;
#[cfg(feature = "ssr")]
pub use flash::Flash;
#[cfg(feature = "ssr")]
pub use form::{FormAnswer, FormRequest, FormRoute, unreadable_form};
#[cfg(feature = "ssr")]
pub use form_routes::form_routes;
#[cfg(feature = "ssr")]
pub use request::{FormReply, local_path, signed_out, with_query};
#[cfg(feature = "ssr")]
pub use routes::App;
#[cfg(feature = "ssr")]
pub use server_fns::{BROWSER_KEY, WATCH};
#[cfg(feature = "ssr")]
pub use settings::SETTINGS;
#[cfg(feature = "ssr")]
pub use shell::{Site, shell};

pub use components::RevealPassword;
pub use live::Live;
pub use settings::{InitialState, SettingsEditor};
