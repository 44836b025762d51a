//! What is released beside the program: packages, tables, metrics and alerts, and its dependencies.

mod license;
mod migrations;
mod ops;
mod packaging;
mod policy;
