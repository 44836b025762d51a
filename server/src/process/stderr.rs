//! Messages of commands on standard error, beside their result on standard output.

use std::io::{self, Write};

/// Writes a line.
pub fn line(text: &str) {
    // Standard error may be closed, and there is no other place to report that.
    let _ = writeln!(io::stderr(), "{text}");
}
