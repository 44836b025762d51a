//! `sendmail -bs`: an SMTP session on standard input and output, which the listener serves.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;

use super::client::unreachable;
use super::failure::{EX_IOERR, SendmailFailure};

/// Copies standard input to the listener and its replies to standard output, until it closes the
/// connection.
///
/// # Errors
/// With `EX_TEMPFAIL` where nothing listens at `path`; with `EX_IOERR` where the connection is lost.
pub fn copy(path: &Path) -> Result<(), SendmailFailure> {
    let stream = UnixStream::connect(path).map_err(|error| unreachable(path, &error))?;
    between(stream, io::stdin(), &mut io::stdout())
}

/// Copies `input` to `stream`, and what comes back to `output`.
fn between(
    stream: UnixStream,
    mut input: impl Read + Send + 'static,
    output: &mut impl Write,
) -> Result<(), SendmailFailure> {
    let lost =
        |error: io::Error| SendmailFailure::new(EX_IOERR, format!("the session was cut: {error}"));
    let mut replies = stream.try_clone().map_err(lost)?;
    // It may wait for input when the listener has closed the connection.
    thread::spawn(move || {
        let mut commands = &stream;
        // Where the connection is lost, the other half reports it.
        let _ = io::copy(&mut input, &mut commands);
        let _ = stream.shutdown(Shutdown::Write);
    });
    let mut buffer = [0; 4096];
    loop {
        let number = replies.read(&mut buffer).map_err(lost)?;
        if number == 0 {
            return Ok(());
        }
        let written = output.write_all(&buffer[..number]);
        written.and_then(|()| output.flush()).map_err(lost)?;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};

    use super::*;

    #[test]
    fn input_goes_to_the_listener_and_replies_to_the_output() {
        let (stream, listener) = UnixStream::pair().expect("two streams");
        let listening = thread::spawn(move || {
            let mut listener = BufReader::new(listener);
            listener.get_mut().write_all(b"220 here\r\n").expect("sent");
            let mut line = String::new();
            listener.read_line(&mut line).expect("a line");
            listener.get_mut().write_all(b"221 bye\r\n").expect("sent");
            line
        });
        let mut output = Vec::new();
        between(stream, &b"QUIT\r\n"[..], &mut output).expect("ended");
        assert_eq!(output, b"220 here\r\n221 bye\r\n");
        assert_eq!(listening.join().expect("ended"), "QUIT\r\n");
    }
}
