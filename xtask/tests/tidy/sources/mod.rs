//! The content of source files: their form, and rules that no compiler checks.

mod audit;
mod causes;
mod first_lines;
mod form;
mod privacy;
mod sleeps;
