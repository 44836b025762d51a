//! What source files contain: their form, and rules that a compiler does not know.

mod audit;
mod causes;
mod first_lines;
mod form;
mod privacy;
mod sleeps;
