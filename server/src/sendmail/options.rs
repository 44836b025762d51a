//! The options of sendmail, as Postfix accepts them.

use domain::mail::dsn::{ENVID_MAX, NotifyOn, ReturnContent, encode_xtext};

use super::failure::SendmailFailure;

/// What the command does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SendmailMode {
    /// Reads a mail and submits it.
    #[default]
    Submit,
    /// Connects standard input and output with the listener: `-bs`.
    Session,
    /// Prints the queue: `-bp`, `mailq`.
    Queue,
    /// Nothing: `-bi` and `newaliases`, for there are no aliases; `-bh` and `-q`, for the queue runs by
    /// itself.
    Nothing,
}

/// The parsed options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendmailOptions {
    pub mode: SendmailMode,
    /// The recipients as they are given, each of which may be a list.
    pub recipients: Vec<String>,
    /// Whether the header has recipients too: `-t`.
    pub reads_recipients: bool,
    /// Whether a line with a dot is not the end of the mail: `-i`.
    pub ignores_dots: bool,
    /// The envelope sender: `-f`.
    pub sender: Option<String>,
    /// The name of the sender: `-F`.
    pub full_name: Option<String>,
    /// On what a report is sent: `-N`.
    pub notify: Option<NotifyOn>,
    /// What a report of a failure has of the mail: `-R`.
    pub ret: Option<ReturnContent>,
    /// The id of the envelope in reports, as xtext: `-V`.
    pub envid: Option<String>,
    /// Options that are ignored because their value is not valid.
    pub warnings: Vec<String>,
}

/// Parses the arguments of a command of this name. Options may follow recipients, until `--`.
///
/// # Errors
/// With `EX_USAGE` for an option that is unknown or not supported, or without its value.
pub fn parse(name: &str, arguments: &[String]) -> Result<SendmailOptions, SendmailFailure> {
    let mut options = SendmailOptions {
        mode: match name {
            "mailq" => SendmailMode::Queue,
            "newaliases" => SendmailMode::Nothing,
            _ => SendmailMode::Submit,
        },
        ..SendmailOptions::default()
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let letters = argument.strip_prefix('-').unwrap_or_default();
        match argument.as_str() {
            "--" => {
                options.recipients.extend(rest.by_ref().cloned());
            }
            // Without an interval it has no value.
            "-q" => options.mode = SendmailMode::Nothing,
            _ if letters.is_empty() => options.recipients.push(argument.clone()),
            _ => options.take(letters, || rest.next().cloned())?,
        }
    }
    if options.reads_recipients && options.mode != SendmailMode::Submit {
        return Err(SendmailFailure::usage("-t can be used only to send a mail"));
    }
    if options.mode == SendmailMode::Queue && !options.recipients.is_empty() {
        return Err(SendmailFailure::usage(
            "the queue is printed without recipients",
        ));
    }
    Ok(options)
}

impl SendmailOptions {
    /// Takes the options of one argument, without its `-`. The value of the last one may be the next
    /// argument.
    fn take(
        &mut self,
        letters: &str,
        next: impl FnOnce() -> Option<String>,
    ) -> Result<(), SendmailFailure> {
        let mut letters = letters.chars();
        while let Some(letter) = letters.next() {
            match letter {
                'A' | 'B' | 'C' | 'F' | 'L' | 'N' | 'O' | 'R' | 'V' | 'X' | 'b' | 'e' | 'f'
                | 'h' | 'o' | 'p' | 'q' | 'r' => {
                    let attached = letters.as_str();
                    let value = match attached {
                        "" => next().ok_or_else(|| {
                            SendmailFailure::usage(format!("option -{letter} needs a value"))
                        })?,
                        attached => attached.to_owned(),
                    };
                    return self.set(letter, value);
                }
                'I' => self.mode = SendmailMode::Nothing,
                'i' => self.ignores_dots = true,
                't' => self.reads_recipients = true,
                // Accepted and ignored, as by Postfix: rewriting, mail to oneself, aliases, verbosity.
                'G' | 'U' | 'c' | 'm' | 'n' | 'v' | 'x' => {}
                _ => {
                    let text =
                        format!("unknown option -{letter}; usage: sendmail [options] [recipients]");
                    return Err(SendmailFailure::usage(text));
                }
            }
        }
        Ok(())
    }

    /// Takes an option with its value.
    fn set(&mut self, letter: char, value: String) -> Result<(), SendmailFailure> {
        match letter {
            'b' => self.mode = mode(&value)?,
            'f' | 'r' => self.sender = Some(value),
            'F' => self.full_name = Some(value),
            'o' if value == "i" => self.ignores_dots = true,
            'B' => {
                // The content of the mail decides.
                let known = ["7BIT", "8BITMIME"];
                if !known.iter().any(|known| value.eq_ignore_ascii_case(known)) {
                    return Err(SendmailFailure::usage("option -B needs 8BITMIME or 7BIT"));
                }
            }
            'N' => match NotifyOn::parse(&value.replace(' ', "")) {
                Ok(notify) => self.notify = Some(notify),
                Err(fault) => self.warn('N', fault),
            },
            'R' => match value.parse::<ReturnContent>() {
                Ok(ret) => self.ret = Some(ret),
                Err(fault) => self.warn('R', fault),
            },
            'V' => {
                let envid = encode_xtext(&value);
                let is_printable = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
                match is_printable && !value.is_empty() && envid.len() <= ENVID_MAX {
                    true => self.envid = Some(envid),
                    false => self.warn('V', "At most 100 printable ASCII characters are an id."),
                }
            }
            'X' if value.starts_with('V') => {
                let text =
                    "-XV is not supported: sender addresses are not varied for each recipient";
                return Err(SendmailFailure::usage(text));
            }
            'q' => match value.starts_with(|c: char| c.is_ascii_digit() || "IRS".contains(c)) {
                true => self.mode = SendmailMode::Nothing,
                false => {
                    let text = format!("unknown option -q{value}");
                    return Err(SendmailFailure::usage(text));
                }
            },
            // Accepted and ignored: other options of -o, configuration, labels, hops, logs.
            _ => {}
        }
        Ok(())
    }

    fn warn(&mut self, letter: char, fault: &str) {
        let text = format!("option -{letter} is ignored. {fault}");
        self.warnings.push(text);
    }
}

/// The mode of `-b`.
fn mode(value: &str) -> Result<SendmailMode, SendmailFailure> {
    Ok(match value.chars().next() {
        Some('m') => SendmailMode::Submit,
        Some('s') => SendmailMode::Session,
        Some('p') => SendmailMode::Queue,
        Some('i' | 'h' | 'H') => SendmailMode::Nothing,
        Some('d' | 'D' | 'l') => {
            let text =
                format!("-b{value} is not supported: `postern serve` accepts and delivers mail");
            return Err(SendmailFailure::usage(text));
        }
        _ => {
            let text = format!("-b{value} is not supported");
            return Err(SendmailFailure::usage(text));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::failure::EX_USAGE;
    use super::*;

    fn parsed(line: &str) -> Result<SendmailOptions, SendmailFailure> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse("sendmail", &arguments)
    }

    #[test]
    fn options_of_well_known_callers_are_accepted() {
        let ann = || vec!["ann@example.org".to_owned()];
        let to_ann = || SendmailOptions {
            recipients: ann(),
            ..SendmailOptions::default()
        };
        let from_header = || SendmailOptions {
            reads_recipients: true,
            ignores_dots: true,
            ..SendmailOptions::default()
        };
        for (line, expected) in [
            ("ann@example.org", to_ann()),
            ("-bm -- ann@example.org", to_ann()),
            ("-odb -oem -om -oAx ann@example.org", to_ann()),
            ("-n -m -v -U -G -c -x ann@example.org", to_ann()),
            (
                "-L tag -C /etc/x -O A=b -X /tmp/log -h 3 -e m -p smtp -A c ann@example.org",
                to_ann(),
            ),
            ("-B8BITMIME ann@example.org", to_ann()),
            ("-B 7bit ann@example.org", to_ann()),
            // PHP
            ("-t -i", from_header()),
            ("-ti", from_header()),
            ("-t -oi", from_header()),
            // git send-email
            (
                "-i -f bob@example.org -- ann@example.org",
                SendmailOptions {
                    ignores_dots: true,
                    sender: Some("bob@example.org".to_owned()),
                    ..to_ann()
                },
            ),
            // cron
            (
                "-FCronDaemon -i -B8BITMIME -oem ann@example.org",
                SendmailOptions {
                    ignores_dots: true,
                    full_name: Some("CronDaemon".to_owned()),
                    ..to_ann()
                },
            ),
            // bsd-mailx, with options behind the recipient
            (
                "-oi ann@example.org -r bob@example.org",
                SendmailOptions {
                    ignores_dots: true,
                    sender: Some("bob@example.org".to_owned()),
                    ..to_ann()
                },
            ),
            (
                "-tf<>",
                SendmailOptions {
                    reads_recipients: true,
                    sender: Some("<>".to_owned()),
                    ..SendmailOptions::default()
                },
            ),
        ] {
            assert_eq!(parsed(line), Ok(expected), "{line}");
        }
    }

    #[test]
    fn modes_are_named_by_the_option_or_by_the_command() {
        for (name, line, expected) in [
            ("sendmail", "-bs", SendmailMode::Session),
            ("sendmail", "-bp", SendmailMode::Queue),
            ("sendmail", "-bi", SendmailMode::Nothing),
            ("sendmail", "-I", SendmailMode::Nothing),
            ("sendmail", "-bh", SendmailMode::Nothing),
            ("sendmail", "-q", SendmailMode::Nothing),
            ("sendmail", "-q30m", SendmailMode::Nothing),
            ("sendmail", "-qRexample.org", SendmailMode::Nothing),
            ("mailq", "", SendmailMode::Queue),
            ("mailq", "-v", SendmailMode::Queue),
            ("newaliases", "", SendmailMode::Nothing),
        ] {
            let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            let mode = parse(name, &arguments).map(|options| options.mode);
            assert_eq!(mode, Ok(expected), "{name} {line}");
        }
    }

    #[test]
    fn what_reports_are_asked_for_is_parsed_and_faults_are_ignored() {
        let options = parsed("-N success,delay -R hdrs -V a+b=c a@example.org").expect("valid");
        let notify = options.notify.map(|notify| notify.to_string());
        assert_eq!(notify.as_deref(), Some("SUCCESS,DELAY"));
        assert_eq!(options.ret, Some(ReturnContent::Headers));
        assert_eq!(options.envid.as_deref(), Some("a+2Bb+3Dc"));
        assert!(options.warnings.is_empty());
        let long = "x".repeat(101);
        let options = parsed(&format!("-N sometimes -R some -V {long} a@example.org"));
        let options = options.expect("valid");
        assert_eq!((options.notify, options.ret), (None, None));
        assert_eq!((options.envid, options.warnings.len()), (None, 3));
    }

    #[test]
    fn what_is_not_known_or_not_supported_is_a_fault_of_usage() {
        for (line, expected) in [
            ("-z", "-z"),
            ("-iz", "-z"),
            ("-f", "-f needs a value"),
            ("-F", "-F needs a value"),
            ("-B binary", "8BITMIME"),
            ("-bd", "postern serve"),
            ("-bv a@example.org", "-bv"),
            ("-bz", "-bz"),
            ("-XV a@example.org", "-XV"),
            ("-qx", "-qx"),
            ("-t -bs", "-t"),
            ("-bp a@example.org", "queue"),
        ] {
            let failure = parsed(line).expect_err(line);
            assert_eq!(failure.code, EX_USAGE, "{line}");
            assert!(failure.text.contains(expected), "{line}: {}", failure.text);
        }
    }
}
