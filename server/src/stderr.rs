//! What is said beside the result of a command: on standard error, which may be gone.

use std::io::{self, Write};

/// Says a line to whoever still reads.
pub fn line(text: &str) {
    // There is nobody left to be told that it failed.
    let _ = writeln!(io::stderr(), "{text}");
}
