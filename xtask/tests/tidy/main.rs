//! Rules of this repository, as tests.

mod architecture;
mod files;
mod metadata;
mod release;
mod sources;
