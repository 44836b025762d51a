//! Mail addresses, hosts, DKIM keys, checks of From domains and delivery status notifications.

pub mod address;
pub mod dkim;
pub mod domain_check;
pub mod dsn;
pub mod host;
