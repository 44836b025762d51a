//! What source files contain: their form, and rules that a compiler does not know.

mod audit;
mod causes;
mod form;
mod privacy;
mod sleeps;
