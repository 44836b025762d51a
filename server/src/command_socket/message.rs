//! Messages of the command socket: `COMMAND*argument*` in UTF-8, with `%2A` for `*` in arguments.

/// The longest message, in octets.
pub const MESSAGE_MAX: usize = 4096;

/// What other processes are sent after a save of settings.
pub const RESET: &str = "SYSTEM_UPDATED*RESET*";

const SEND_TEST_EMAIL: &str = "SEND_TEST_EMAIL";
const SYSTEM_UPDATED: &str = "SYSTEM_UPDATED";

/// A command with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketCommand {
    /// Send a test mail to this address with the saved settings.
    SendTestEmail(String),
    /// Another process saved settings: read them again.
    SystemUpdated,
}

/// Parses what was read of a message so far; `None` where the arguments of its command are not complete.
/// `ended`: nothing follows, so that the last argument may be without its `*`. A line end after the last
/// argument is ignored.
///
/// # Errors
/// One line for the caller, where the command is unknown, has another number of arguments, or is not
/// UTF-8.
pub fn parse(read: &[u8], ended: bool) -> Result<Option<SocketCommand>, String> {
    let mut parts = read.split(|byte| *byte == b'*');
    let name = parts.next().unwrap_or_default();
    let mut arguments: Vec<&[u8]> = parts.collect();
    let name = match arguments.is_empty() {
        true if !ended => return Ok(None),
        true => without_line_end(name),
        false => name,
    };
    let name = str::from_utf8(name).map_err(|_| NOT_UTF8.to_owned())?;
    let takes = match name {
        SEND_TEST_EMAIL => "SEND_TEST_EMAIL*address*",
        SYSTEM_UPDATED => RESET,
        "" => return Err(format!("The command is missing. {KNOWN}")),
        _ => return Err(format!("The command is unknown. {KNOWN}")),
    };
    // What follows the last `*`.
    let last = without_line_end(arguments.pop().unwrap_or_default());
    if arguments.is_empty() && !ended {
        return Ok(None);
    }
    if !last.is_empty() {
        arguments.push(last);
    }
    let [argument] = arguments[..] else {
        let number = arguments.len();
        return Err(format!("{name} takes 1 argument, not {number}: {takes}"));
    };
    let argument = str::from_utf8(argument).map_err(|_| NOT_UTF8.to_owned())?;
    let argument = argument.replace("%2A", "*").replace("%2a", "*");
    match name {
        SEND_TEST_EMAIL => Ok(Some(SocketCommand::SendTestEmail(argument))),
        _ if argument == "RESET" => Ok(Some(SocketCommand::SystemUpdated)),
        _ => Err(format!("{name} takes the argument RESET: {takes}")),
    }
}

const NOT_UTF8: &str = "The message is not UTF-8.";

const KNOWN: &str = "The commands are SEND_TEST_EMAIL*address* and SYSTEM_UPDATED*RESET*.";

fn without_line_end(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn test_to(address: &str) -> SocketCommand {
        SocketCommand::SendTestEmail(address.to_owned())
    }

    #[test]
    fn a_message_is_complete_with_its_arguments_or_at_its_end() {
        for (read, ended, expected) in [
            (
                "SEND_TEST_EMAIL*a@example.org*",
                false,
                Some(test_to("a@example.org")),
            ),
            (
                "SEND_TEST_EMAIL*a@example.org*",
                true,
                Some(test_to("a@example.org")),
            ),
            (
                "SEND_TEST_EMAIL*a@example.org*\r\n",
                false,
                Some(test_to("a@example.org")),
            ),
            (
                "SEND_TEST_EMAIL*a@example.org*\n",
                true,
                Some(test_to("a@example.org")),
            ),
            (
                "SEND_TEST_EMAIL*a@example.org",
                true,
                Some(test_to("a@example.org")),
            ),
            (
                "SEND_TEST_EMAIL*a@example.org\n",
                true,
                Some(test_to("a@example.org")),
            ),
            (
                "SEND_TEST_EMAIL*a%2Ab%2ac@example.org*",
                false,
                Some(test_to("a*b*c@example.org")),
            ),
            (
                "SEND_TEST_EMAIL*100%25@example.org*",
                false,
                Some(test_to("100%25@example.org")),
            ),
            (
                "SEND_TEST_EMAIL*ünï@example.org*",
                false,
                Some(test_to("ünï@example.org")),
            ),
            ("SEND_TEST_EMAIL**", false, Some(test_to(""))),
            (
                "SYSTEM_UPDATED*RESET*",
                false,
                Some(SocketCommand::SystemUpdated),
            ),
            (
                "SYSTEM_UPDATED*RESET",
                true,
                Some(SocketCommand::SystemUpdated),
            ),
            (RESET, false, Some(SocketCommand::SystemUpdated)),
            ("", false, None),
            ("SEND_TEST", false, None),
            ("SEND_TEST_EMAIL*", false, None),
            ("SEND_TEST_EMAIL*a@exam", false, None),
            ("NOTHING_KNOWN", false, None),
        ] {
            assert_eq!(
                parse(read.as_bytes(), ended),
                Ok(expected),
                "{read:?} {ended}"
            );
        }
    }

    #[test]
    fn a_fault_is_one_line_that_names_what_is_expected() {
        let cases: &[(&[u8], bool, &str)] = &[
            (b"", true, "The command is missing. "),
            (b"\r\n", true, "The command is missing. "),
            (b"*a*", false, "The command is missing. "),
            (b"REBOOT*now*", false, "The command is unknown. "),
            (b"REBOOT*", false, "The command is unknown. "),
            (b"REBOOT", true, "The command is unknown. "),
            (
                b"send_test_email*a@example.org*",
                false,
                "The command is unknown. ",
            ),
            (
                b"SEND_TEST_EMAIL",
                true,
                "SEND_TEST_EMAIL takes 1 argument, not 0: ",
            ),
            (
                b"SEND_TEST_EMAIL*",
                true,
                "SEND_TEST_EMAIL takes 1 argument, not 0: ",
            ),
            (
                b"SEND_TEST_EMAIL*a*b*",
                false,
                "SEND_TEST_EMAIL takes 1 argument, not 2: ",
            ),
            (
                b"SEND_TEST_EMAIL*a*b",
                false,
                "SEND_TEST_EMAIL takes 1 argument, not 2: ",
            ),
            (
                b"SYSTEM_UPDATED*RESET*1*",
                true,
                "SYSTEM_UPDATED takes 1 argument, not 2: ",
            ),
            (
                b"SYSTEM_UPDATED*NOW*",
                false,
                "SYSTEM_UPDATED takes the argument RESET: ",
            ),
            (
                b"SEND_TEST_EMAIL*\xff@example.org*",
                false,
                "The message is not UTF-8.",
            ),
            (b"\xff*a*", false, "The message is not UTF-8."),
        ];
        for (read, ended, expected) in cases {
            let fault = parse(read, *ended).expect_err("a fault");
            assert!(fault.starts_with(expected), "{fault}");
            assert!(!fault.contains('\n'), "{fault}");
        }
    }

    proptest! {
        #[test]
        fn any_message_is_understood_or_refused(
            read in prop::collection::vec(any::<u8>(), 0..60),
            ended in any::<bool>(),
        ) {
            match parse(&read, ended) {
                Ok(None) => prop_assert!(!ended),
                Ok(Some(_)) => {}
                Err(fault) => prop_assert!(!fault.contains('\n')),
            }
        }

        #[test]
        fn messages_like_commands_are_understood_or_refused(
            name in prop::sample::select(vec!["SEND_TEST_EMAIL", "SYSTEM_UPDATED", "REBOOT", ""]),
            rest in "[*%2Aa@RESTü\r\n]{0,20}",
            ended in any::<bool>(),
        ) {
            let message = format!("{name}{rest}");
            match parse(message.as_bytes(), ended) {
                Ok(None) => prop_assert!(!ended),
                Ok(Some(_)) => prop_assert!(message.starts_with('S')),
                Err(fault) => prop_assert!(!fault.contains('\n')),
            }
        }

        #[test]
        fn an_argument_is_read_as_it_was_written(argument in "[a-z*@.%ü\r\n]{0,20}") {
            let message = format!("SEND_TEST_EMAIL*{}*", argument.replace('*', "%2A"));
            prop_assert_eq!(parse(message.as_bytes(), false), Ok(Some(test_to(&argument))));
        }
    }
}
