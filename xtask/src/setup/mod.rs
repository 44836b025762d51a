//! Installs missing programs and packages when a command needs them.

pub mod apt;
#[cfg(target_os = "linux")]
pub mod cargo_deb;
mod debian_wasm;
pub mod mail_servers;
pub mod npm;
pub mod programs;
pub mod promtool;
pub mod schemathesis;
pub mod sysroot;
pub mod wasm;
