//! Rules of this repository, as tests.

mod audit;
mod causes;
mod files;
mod imports;
mod layers;
mod license;
mod metadata;
mod migrations;
mod modules;
mod ops;
mod packaging;
mod policy;
mod privacy;
mod sleeps;
mod sources;
mod types;
