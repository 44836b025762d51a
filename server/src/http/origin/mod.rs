//! Where requests come from and which host they name: addresses, hosts and the public URL.

pub mod address;
pub mod allowed_hosts;
pub mod host;
pub mod public_url;
pub mod same_origin;
