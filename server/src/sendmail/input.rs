//! Reads a mail from standard input, to its end or to a line with a dot.

use std::io::{self, BufRead, Read};

use super::failure::{EX_IOERR, EX_UNAVAILABLE, SendmailFailure};

/// The largest mail that is read, in octets. The listener has a smaller limit, which its reply names.
const INPUT_MAX: u64 = 64 << 20;

/// Reads a mail. With `ends_at_dot` a line with a dot alone is its end. NULs are left out: no mail may have
/// them, and what a program printed, as for cron, is not refused for one.
///
/// # Errors
/// Where it cannot be read, or is too large.
pub fn read(input: &mut impl BufRead, ends_at_dot: bool) -> Result<Vec<u8>, SendmailFailure> {
    let mut input = input.take(INPUT_MAX + 1);
    let mut mail = Vec::new();
    let read = match ends_at_dot {
        true => until_dot(&mut input, &mut mail),
        false => input.read_to_end(&mut mail).map(drop),
    };
    read.map_err(|error| {
        SendmailFailure::new(EX_IOERR, format!("the mail cannot be read: {error}"))
    })?;
    if mail.len() as u64 > INPUT_MAX {
        let text = format!("the mail has more than {} MiB", INPUT_MAX >> 20);
        return Err(SendmailFailure::new(EX_UNAVAILABLE, text));
    }
    mail.retain(|octet| *octet != 0);
    Ok(mail)
}

fn until_dot(input: &mut impl BufRead, mail: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let begun = mail.len();
        if input.read_until(b'\n', mail)? == 0 {
            return Ok(());
        }
        if matches!(&mail[begun..], b"." | b".\n" | b".\r\n") {
            mail.truncate(begun);
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_ends_at_a_dot_unless_dots_are_ignored() {
        for (input, ends_at_dot, expected) in [
            ("a\n.\nb\n", true, "a\n"),
            ("a\r\n.\r\nb\r\n", true, "a\r\n"),
            ("a\n.", true, "a\n"),
            (".\n", true, ""),
            ("a\n..\n.b\n", true, "a\n..\n.b\n"),
            ("a\n.\nb\n", false, "a\n.\nb\n"),
            ("", true, ""),
            ("a\0b\n\0\nc\n", true, "ab\n\nc\n"),
            ("\0a\0", false, "a"),
        ] {
            let read = read(&mut input.as_bytes(), ends_at_dot).expect("read");
            assert_eq!(read, expected.as_bytes(), "{input:?} {ends_at_dot}");
        }
    }

    /// A terminal has no end.
    #[test]
    fn nothing_is_read_behind_the_dot() {
        let mut input = "a\n.\nb\n".as_bytes();
        read(&mut input, true).expect("read");
        assert_eq!(input, b"b\n");
    }

    #[test]
    fn a_mail_without_an_end_is_refused() {
        for ends_at_dot in [true, false] {
            let mut endless = io::BufReader::new(io::repeat(b'x'));
            let refused = read(&mut endless, ends_at_dot).expect_err("too large");
            assert_eq!(refused.code, EX_UNAVAILABLE);
        }
    }
}
