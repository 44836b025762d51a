//! Reading a failure: the reply as plain words, and the predicates of the rules.

mod evidence;
mod text;

pub(super) use evidence::Evidence;
