//! What a fresh machine lacks, brought by whichever chore needs it.

pub mod apt;
mod debian_wasm;
pub mod mail_servers;
pub mod npm;
pub mod programs;
pub mod wasm;
