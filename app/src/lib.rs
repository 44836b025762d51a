//! What people see: Leptos pages and islands, server functions of a few lines.
//!
//! Pages are rendered on the server and exist only there; the browser gets the islands and what
//! they need.

// A page is one type, as deep as the page.
#![recursion_limit = "512"]

mod calls;
mod dom;
mod email;
mod frames;
mod live;
mod moment;
mod picture;
mod reveal;

#[cfg(feature = "ssr")]
mod browser;
#[cfg(feature = "ssr")]
mod frame;
#[cfg(feature = "ssr")]
mod outbox;
#[cfg(feature = "ssr")]
mod pages;
#[cfg(feature = "ssr")]
mod parts;
#[cfg(feature = "ssr")]
mod report;
#[cfg(feature = "ssr")]
mod request;
#[cfg(feature = "ssr")]
mod routes;
#[cfg(feature = "ssr")]
mod shell;

#[cfg(feature = "ssr")]
pub use outbox::{Errand, Looks, address::with_query};
#[cfg(feature = "ssr")]
pub use request::{FormReply, local_path};
#[cfg(feature = "ssr")]
pub use routes::App;
#[cfg(feature = "ssr")]
pub use shell::{Site, shell};

pub use email::{EmailSetup, Source};
pub use live::Live;
pub use reveal::Reveal;
