//! Rules of this repository, as tests.

mod causes;
mod files;
mod layers;
mod migrations;
mod privacy;
mod sources;
