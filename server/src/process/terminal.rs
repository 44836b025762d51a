//! Coloured output on a terminal, plain text elsewhere.

use std::io::{self, IsTerminal, Write};

use domain::diagnosis::transcript::{Tone, TranscriptLine};

/// Writes with colours, or without.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    colours: bool,
}

impl Terminal {
    /// With colours only on a terminal, and not where `NO_COLOR` is set.
    pub fn stdout() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
        Self {
            colours: io::stdout().is_terminal() && !unwanted,
        }
    }

    /// Writes a line for each item.
    pub fn lines(self, lines: impl IntoIterator<Item = TranscriptLine>) -> io::Result<()> {
        let mut out = io::stdout().lock();
        for (tone, text) in lines {
            // Select Graphic Rendition, ECMA-48 section 8.3.117.
            let code = match tone {
                Tone::Plain => None,
                Tone::Strong => Some(1),
                Tone::Good => Some(32),
                Tone::Bad => Some(31),
                Tone::Faint => Some(2),
            };
            match code.filter(|_| self.colours) {
                Some(code) => writeln!(out, "\x1b[{code}m{text}\x1b[0m")?,
                None => writeln!(out, "{text}")?,
            }
        }
        Ok(())
    }
}
