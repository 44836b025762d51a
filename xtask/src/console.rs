//! Messages on standard error, coloured on a terminal.

use std::{
    io::{IsTerminal, Write, stderr},
    process::Command,
    time::{Duration, Instant},
};

/// Prints the headline of a step and starts its timer.
pub fn step(what: &str) -> Progress {
    line(&format!("{} {what}", colour("1;34", "==>")));
    Progress(Instant::now())
}

pub struct Progress(Instant);

impl Progress {
    pub fn done(self, what: &str) {
        note(&format!("{what} ({})", seconds(self.0.elapsed())));
    }
}

pub fn note(what: &str) {
    line(&format!("    {what}"));
}

pub fn failure(what: &str) {
    line(&format!("{} {what}", colour("1;31", "error:")));
}

/// Prints one line. A closed standard error is ignored.
pub fn line(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}

/// Formats a duration as `0.4 s` or `93 s`.
pub fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        whole => format!("{whole} s"),
    }
}

pub fn colour(code: &str, text: &str) -> String {
    match stderr().is_terminal() {
        true => format!("\x1b[{code}m{text}\x1b[0m"),
        false => text.to_owned(),
    }
}

/// The command as typed in a shell, without the folder of the program.
pub fn command_line(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let program = program.rsplit('/').next().unwrap_or_default().to_owned();
    let arguments = command
        .get_args()
        .map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(program)
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}
