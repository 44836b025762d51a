//! Causes by the words of replies. Files with failures of their own have those too.

pub mod content;
pub mod network;
pub mod policy;
pub mod providers;
pub mod rate;
pub mod receiving;
pub mod relay_fault;
pub mod sending;
pub mod sign_in;
pub mod size;
pub mod tls;
