//! The rules of this repository, as tests.

mod arrows;
mod causes;
mod files;
mod migrations;
mod privacy;
mod sources;
