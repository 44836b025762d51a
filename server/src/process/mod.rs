//! The process: its data folder, private files, limits, signals, service manager, log and terminal.

pub mod core_dumps;
pub mod data_folder;
pub mod log;
pub mod memory;
pub mod open_files;
pub mod private_file;
pub mod service_manager;
pub mod signals;
pub mod stderr;
pub mod terminal;
