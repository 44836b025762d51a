//! Connections: addresses, name servers, discovery and probing.

mod connecting;
mod discovering;
mod probing;
mod resolving;
