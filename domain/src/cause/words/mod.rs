//! Causes by the words of replies. Some files also have causes of failures without a reply.

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
