//! How the world reaches Postern: the composition root.

fn main() {}
