//! `postern sendmail`: submits mail by a Unix socket, in the place of `/usr/sbin/sendmail`.
//!
//! It opens no data folder and starts no runtime: any user runs it, often for a single mail.

mod addresses;
mod client;
#[cfg(test)]
mod client_tests;
mod failure;
mod input;
mod lines;
mod message;
mod options;
mod origin;
pub mod queue;
mod session;

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use domain::EmailAddress;
use domain::sanitize::printable;

use crate::commands::bootstrap::host;
use crate::process::stderr;
use addresses::ListedAddress;
use client::{ClientEnvelope, SubmissionClient};
use failure::{EX_DATAERR, SendmailFailure};
use message::InputMessage;
use options::{SendmailMode, SendmailOptions};
use origin::LocalUser;

/// Where the listener is, unless `POSTERN_SUBMIT_SOCKET` names another path.
const SOCKET: &str = "/run/postern/submit.sock";

/// The names of links to the program that behave as the commands of Sendmail.
const NAMES: [&str; 3] = ["sendmail", "mailq", "newaliases"];

/// Runs the command where the program is called as `postern sendmail`, or by the name of a command of
/// Sendmail. To be called before other arguments are parsed: the options are those of Sendmail.
pub fn run_if_called(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter();
    let program = PathBuf::from(arguments.next()?);
    let name = program.file_name()?.to_str()?;
    let is_link = NAMES.contains(&name);
    let name = match is_link {
        true => name,
        false => {
            arguments.next().filter(|command| command == "sendmail")?;
            "sendmail"
        }
    };
    let arguments: Vec<String> = arguments
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let asks_for_help = arguments.first().is_some_and(|first| first == "--help");
    (is_link || !asks_for_help).then(|| run(name, &arguments))
}

fn run(name: &str, arguments: &[String]) -> ExitCode {
    match sendmail(name, arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            stderr::line(&format!("{name}: {}", failure.text));
            ExitCode::from(failure.code)
        }
    }
}

fn sendmail(name: &str, arguments: &[String]) -> Result<(), SendmailFailure> {
    let options = options::parse(name, arguments)?;
    for warning in &options.warnings {
        stderr::line(&format!("{name}: {warning}"));
    }
    let socket = std::env::var_os("POSTERN_SUBMIT_SOCKET").filter(|path| !path.is_empty());
    let socket = socket.map_or_else(|| PathBuf::from(SOCKET), PathBuf::from);
    match options.mode {
        SendmailMode::Submit => submit(&options, &socket),
        SendmailMode::Session => session::copy(&socket),
        SendmailMode::Queue => queue::print(&socket, &mut io::stdout()),
        SendmailMode::Nothing => Ok(()),
    }
}

/// Reads a mail and submits it.
fn submit(options: &SendmailOptions, socket: &Path) -> Result<(), SendmailFailure> {
    if options.recipients.is_empty() && !options.reads_recipients {
        let text = "name recipients as arguments, or in the header of the mail with -t";
        return Err(SendmailFailure::usage(text));
    }
    // All of it before the connection, which the listener closes when nothing arrives.
    let input = input::read(&mut io::stdin().lock(), !options.ignores_dots)?;
    let prepared = prepare(options, &input, &origin::domain(), &origin::user())?;
    let mut client = SubmissionClient::connect(socket, &host())?;
    client.send(&prepared.envelope, &prepared.mail)?;
    client.quit();
    Ok(())
}

/// A mail to submit.
struct PreparedMail {
    envelope: ClientEnvelope,
    mail: Vec<u8>,
}

/// Makes the envelope, and repairs the mail.
fn prepare(
    options: &SendmailOptions,
    input: &[u8],
    domain: &str,
    user: &LocalUser,
) -> Result<PreparedMail, SendmailFailure> {
    let mut message = InputMessage::parse(input);
    message.qualify(domain);
    let given = options.recipients.iter();
    let mut listed: Vec<ListedAddress> = given
        .flat_map(|given| addresses::parse(given.as_bytes()))
        .collect();
    if options.reads_recipients {
        listed.extend(message.recipients());
    }
    let (mut recipients, mut known) = (Vec::new(), HashSet::new());
    for listed in &listed {
        let recipient = address(listed, domain)?;
        if known.insert(recipient.clone()) {
            recipients.push(recipient);
        }
    }
    if recipients.is_empty() {
        let text = match options.reads_recipients {
            true => "the header of the mail has no recipients",
            false => "the arguments have no recipients",
        };
        return Err(SendmailFailure::usage(text));
    }
    let own = format!("{}@{domain}", user.login);
    let sender = match &options.sender {
        None => Some(parsed(&own)?),
        // `<>`, or nothing at all, is the null sender.
        Some(given) => addresses::parse(given.as_bytes())
            .first()
            .map(|listed| address(listed, domain))
            .transpose()?,
    };
    let from = sender.as_ref().map_or(own.as_str(), EmailAddress::as_str);
    let full_name = options.full_name.as_deref().unwrap_or(&user.full_name);
    message.add_from(full_name, from);
    Ok(PreparedMail {
        envelope: ClientEnvelope {
            sender,
            recipients,
            notify: options.notify,
            ret: options.ret,
            envid: options.envid.clone(),
            has_utf8_header: message.has_utf8_header(),
        },
        mail: message.into_bytes(),
    })
}

/// A listed address, with `domain` where it has none.
fn address(listed: &ListedAddress, domain: &str) -> Result<EmailAddress, SendmailFailure> {
    match listed.domain_at {
        Some(_) => parsed(&format!("{}@{domain}", listed.text)),
        None => parsed(&listed.text),
    }
}

fn parsed(text: &str) -> Result<EmailAddress, SendmailFailure> {
    let fault = |fault: &str| {
        let text = format!("{}: {fault}", printable(text, 300));
        SendmailFailure::new(EX_DATAERR, text)
    };
    // What was not UTF-8.
    if text.contains(char::REPLACEMENT_CHARACTER) {
        return Err(fault("An address is UTF-8."));
    }
    text.parse().map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::failure::EX_USAGE;
    use super::*;

    fn prepared(arguments: &[&str], input: &str) -> Result<PreparedMail, SendmailFailure> {
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        let user = LocalUser {
            login: "ann".to_owned(),
            full_name: "Ann Lee".to_owned(),
        };
        let options = options::parse("sendmail", &arguments)?;
        prepare(&options, input.as_bytes(), "host.example", &user)
    }

    fn envelope(arguments: &[&str], input: &str) -> (Option<String>, Vec<String>) {
        let envelope = prepared(arguments, input).expect("prepared").envelope;
        let text = |address: &EmailAddress| address.as_str().to_owned();
        (
            envelope.sender.as_ref().map(text),
            envelope.recipients.iter().map(text).collect(),
        )
    }

    #[test]
    fn the_envelope_is_that_of_arguments_and_header() {
        let mail = "To: x@example.org, root\nCc: x@example.org\nBcc: y@example.org\n\nHello.\n";
        let own = Some("ann@host.example");
        let cases: &[(&[&str], Option<&str>, &[&str])] = &[
            (&["bob"], own, &["bob@host.example"]),
            (
                &["bob@example.org, c@example.org"],
                own,
                &["bob@example.org", "c@example.org"],
            ),
            (
                &["-t"],
                own,
                &["x@example.org", "root@host.example", "y@example.org"],
            ),
            (
                &["-t", "z@example.org", "x@example.org"],
                own,
                &[
                    "z@example.org",
                    "x@example.org",
                    "root@host.example",
                    "y@example.org",
                ],
            ),
            (
                &["-f", "Bob <bob@example.org>", "c@example.org"],
                Some("bob@example.org"),
                &["c@example.org"],
            ),
            (
                &["-f", "www", "c@example.org"],
                Some("www@host.example"),
                &["c@example.org"],
            ),
            (&["-f", "<>", "c@example.org"], None, &["c@example.org"]),
            (&["-f", "", "c@example.org"], None, &["c@example.org"]),
        ];
        for (arguments, sender, recipients) in cases {
            let (found, to) = envelope(arguments, mail);
            assert_eq!(found.as_deref(), *sender, "{arguments:?}");
            assert_eq!(to, *recipients, "{arguments:?}");
        }
    }

    #[test]
    fn the_mail_of_cron_is_complete() {
        let mail = "From: root (Cron Daemon)\nTo: root\nSubject: Cron\n\nok\n";
        let prepared = prepared(&["-i", "-FCronDaemon", "-oem", "root"], mail).expect("prepared");
        assert_eq!(
            String::from_utf8(prepared.mail).expect("text"),
            "From: root@host.example (Cron Daemon)\r\nTo: root@host.example\r\nSubject: Cron\r\n\r\nok\r\n"
        );
    }

    #[test]
    fn a_mail_without_from_is_from_the_caller() {
        let cases: &[(&[&str], &str)] = &[
            (&["b@example.org"], "From: Ann Lee <ann@host.example>"),
            (
                &["-F", "Desk", "b@example.org"],
                "From: Desk <ann@host.example>",
            ),
            (
                &["-f", "c@example.org", "b@example.org"],
                "From: Ann Lee <c@example.org>",
            ),
            (
                &["-f", "<>", "b@example.org"],
                "From: Ann Lee <ann@host.example>",
            ),
        ];
        for (arguments, expected) in cases {
            let mail = prepared(arguments, "Subject: Fire\n\n")
                .expect("prepared")
                .mail;
            let text = String::from_utf8(mail).expect("text");
            assert!(text.lines().any(|line| line == *expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let cases: &[(&[&str], &str, u8)] = &[
            (&["Ann Lee"], "", EX_DATAERR),
            (&["a@b@example.org"], "", EX_DATAERR),
            (&["a@exam\u{7}ple.org"], "", EX_DATAERR),
            (&["-f", "a b", "a@example.org"], "", EX_DATAERR),
            (&["a\u{fffd}@example.org"], "", EX_DATAERR),
            (&["-t"], "Subject: Fire\n\n", EX_USAGE),
            (&[""], "", EX_USAGE),
        ];
        for (arguments, mail, code) in cases {
            let failure = prepared(arguments, mail).err().expect("refused");
            assert_eq!(failure.code, *code, "{arguments:?}: {failure:?}");
            assert!(!failure.text.contains('\u{7}'), "{failure:?}");
        }
    }

    #[test]
    fn only_sendmail_and_its_links_are_run() {
        let called = |line: &str| {
            let arguments = line.split(' ').map(OsString::from);
            run_if_called(arguments).is_some()
        };
        // They do nothing.
        assert!(called("/usr/bin/newaliases"));
        assert!(called("/usr/sbin/sendmail -bi"));
        assert!(called("target/postern sendmail -bi"));
        assert!(!called("postern sendmail --help"));
        assert!(!called("postern serve"));
        assert!(!called("postern"));
    }
}
