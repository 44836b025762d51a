//! The architecture: folders, crates, modules and their imports, and names of types.

mod folders;
mod imports;
mod layers;
mod modules;
mod types;
