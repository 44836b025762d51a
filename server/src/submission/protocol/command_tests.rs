//! Tests of the command parser: what is understood, and what is refused with which code.

use domain::mail::dsn::{NotifyOn, ReturnContent};
use proptest::prelude::*;

use super::command::{CommandFault, MailCommand, RcptCommand, SmtpCommand, parse};

fn parsed(line: &str) -> SmtpCommand<'_> {
    parse(line.as_bytes()).unwrap_or_else(|fault| panic!("{line}: {fault:?}"))
}

/// The code and the enhanced status code of a refusal.
fn refused(line: &[u8]) -> String {
    match parse(line) {
        Err(CommandFault::Refused(reply)) => format!("{} {}", reply.code, reply.status),
        other => panic!("{line:?}: {other:?}"),
    }
}

#[test]
fn commands_without_parameters_are_understood() {
    for (line, command) in [
        ("EHLO app.example.org", SmtpCommand::Ehlo("app.example.org")),
        ("ehlo [192.0.2.1]", SmtpCommand::Ehlo("[192.0.2.1]")),
        ("HELO app", SmtpCommand::Helo("app")),
        ("DATA", SmtpCommand::Data),
        ("data  ", SmtpCommand::Data),
        ("RSET", SmtpCommand::Rset),
        ("NOOP", SmtpCommand::Noop),
        ("NOOP anything at all", SmtpCommand::Noop),
        ("QUIT", SmtpCommand::Quit),
        ("HELP MAIL", SmtpCommand::Help),
        ("VRFY ann", SmtpCommand::Vrfy),
        ("StartTLS", SmtpCommand::StartTls),
    ] {
        assert_eq!(parsed(line), command, "{line}");
    }
    for (line, octets, is_last) in [
        ("BDAT 0", 0, false),
        ("BDAT 86 LAST", 86, true),
        ("bdat 86 last", 86, true),
        ("BDAT 99999999999999999999 LAST", u64::MAX, true),
    ] {
        assert_eq!(
            parsed(line),
            SmtpCommand::Bdat { octets, is_last },
            "{line}"
        );
    }
    for (line, mechanism, initial) in [
        ("AUTH PLAIN", "PLAIN", None),
        ("AUTH PLAIN =", "PLAIN", Some("=")),
        ("auth login YQ==", "login", Some("YQ==")),
    ] {
        let command = SmtpCommand::Auth { mechanism, initial };
        assert_eq!(parsed(line), command, "{line}");
    }
}

#[test]
fn addresses_are_between_brackets() {
    for (line, address) in [
        ("MAIL FROM:<a@example.org>", "a@example.org"),
        ("mail from:<a@example.org>", "a@example.org"),
        ("MAIL FROM: <a@example.org>", "a@example.org"),
        ("MAIL FROM:<>", ""),
        (
            "MAIL FROM:<@a.example,@b.example:c@example.org>",
            "c@example.org",
        ),
        ("MAIL FROM:<\"a>b\"@example.org>", "\"a>b\"@example.org"),
        (
            "MAIL FROM:<\"a\\\">b\"@example.org>",
            "\"a\\\">b\"@example.org",
        ),
    ] {
        let command = SmtpCommand::Mail(MailCommand {
            address,
            ..MailCommand::default()
        });
        assert_eq!(parsed(line), command, "{line}");
    }
    let command = RcptCommand {
        address: "Postmaster",
        ..RcptCommand::default()
    };
    assert_eq!(parsed("RCPT TO:<Postmaster>"), SmtpCommand::Rcpt(command));
}

#[test]
fn parameters_are_understood() {
    let line =
        "MAIL FROM:<ä@example.org> SIZE=1000 body=8bitmime SMTPUTF8 RET=HDRS ENVID=QQ+2B1 AUTH=<>";
    let command = MailCommand {
        address: "ä@example.org",
        size: Some(1000),
        is_smtputf8: true,
        ret: Some(ReturnContent::Headers),
        envid: Some("QQ+2B1"),
    };
    assert_eq!(parsed(line), SmtpCommand::Mail(command));
    let line = "RCPT TO:<a@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b@example.org";
    let command = RcptCommand {
        address: "a@example.org",
        notify: NotifyOn::parse("SUCCESS,DELAY").ok(),
        orcpt: Some("rfc822;b@example.org"),
    };
    assert_eq!(parsed(line), SmtpCommand::Rcpt(command));
}

#[test]
fn what_is_not_understood_is_refused() {
    for (line, expected) in [
        (&b""[..], "500 5.5.1"),
        (b"FOO", "500 5.5.1"),
        (b"EXPN list", "502 5.5.1"),
        (b"LHLO gate", "500 5.5.1"),
        (b"MAILFROM:<a@example.org>", "500 5.5.1"),
        (b" NOOP", "500 5.5.1"),
        (b"NOOP \xff", "500 5.5.2"),
        (b"NOOP \x00", "500 5.5.2"),
        (b"RSET\t", "500 5.5.2"),
        (b"EHLO", "501 5.5.4"),
        (b"EHLO two words", "501 5.5.4"),
        (b"DATA now", "501 5.5.4"),
        (b"STARTTLS now", "501 5.5.4"),
        (b"MAIL", "501 5.5.2"),
        (b"MAIL FROM", "501 5.5.2"),
        (b"MAIL FROM:", "501 5.5.2"),
        (b"MAIL FROM:a@example.org", "501 5.5.2"),
        (b"MAIL FROM:<a@example.org", "501 5.5.2"),
        (b"MAIL FROM:<<a@example.org>>", "501 5.5.2"),
        (b"MAIL FROM:<a@example.org>SIZE=1", "501 5.5.2"),
        (b"MAIL FROM:<@a.example>", "501 5.5.2"),
        (b"MAIL TO:<a@example.org>", "501 5.5.2"),
        ("MAIL FRÖM:<a@example.org>".as_bytes(), "501 5.5.2"),
        (b"MAIL FROM:<a@example.org> SIZE", "501 5.5.4"),
        (b"MAIL FROM:<a@example.org> SIZE=-1", "501 5.5.4"),
        (b"MAIL FROM:<a@example.org> SIZE=1 SIZE=1", "501 5.5.4"),
        (b"MAIL FROM:<a@example.org> BODY=BINARYMIME", "501 5.5.4"),
        (b"MAIL FROM:<a@example.org> SMTPUTF8=1", "501 5.5.4"),
        (b"MAIL FROM:<a@example.org> RET=ALL", "501 5.5.4"),
        (b"MAIL FROM:<a@example.org> ENVID=a=b", "501 5.5.4"),
        (b"MAIL FROM:<a@example.org> NOTIFY=NEVER", "555 5.5.4"),
        (b"MAIL FROM:<a@example.org> XYZ=1", "555 5.5.4"),
        (b"MAIL FROM:<a@example.org> AUTH", "555 5.5.4"),
        (b"MAIL FROM:<a@example.org> AUTH=<> AUTH=<>", "501 5.5.4"),
        (b"RCPT TO:", "501 5.5.2"),
        (b"RCPT TO:<a@example.org> NOTIFY=NEVER,DELAY", "501 5.5.4"),
        (b"RCPT TO:<a@example.org> ORCPT=a@example.org", "501 5.5.4"),
        (b"RCPT TO:<a@example.org> SIZE=1", "555 5.5.4"),
        (b"AUTH", "501 5.5.4"),
        (b"AUTH PLAIN a b", "501 5.5.4"),
    ] {
        let shown = String::from_utf8_lossy(line);
        assert_eq!(refused(line), expected, "{shown}");
    }
}

/// Octets of a mail follow the command, and would be read as commands.
#[test]
fn a_chunk_of_unknown_size_ends_the_session() {
    for (line, expected) in [
        (&b"BDAT"[..], "501 5.5.4"),
        (b"BDAT x", "501 5.5.4"),
        (b"bdat +1 LAST", "501 5.5.4"),
        (b"BDAT 1 FIRST", "501 5.5.4"),
        (b"BDAT 100000000000000000000", "501 5.5.4"),
        (b"BDAT 86\tLAST", "500 5.5.2"),
        (b"BDAT\t86 LAST", "500 5.5.2"),
        (b"BDAT 86 \xff", "500 5.5.2"),
    ] {
        let shown = String::from_utf8_lossy(line);
        match parse(line) {
            Err(CommandFault::Closing(reply)) => {
                assert_eq!(
                    format!("{} {}", reply.code, reply.status),
                    expected,
                    "{shown}"
                );
            }
            other => panic!("{shown}: {other:?}"),
        }
    }
    assert_eq!(refused(b"BDATA 86"), "500 5.5.1");
}

#[test]
fn http_is_recognised() {
    for line in [
        "GET / HTTP/1.1",
        "POST /api/messages HTTP/1.1",
        "PUT / HTTP/1.1",
        "CONNECT example.org:443 HTTP/1.1",
        "HEAD / HTTP/1.1",
        "OPTIONS * HTTP/1.1",
    ] {
        assert_eq!(parse(line.as_bytes()), Err(CommandFault::Http), "{line}");
    }
}

proptest! {
    #[test]
    fn any_line_is_understood_or_refused(line in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = parse(&line);
    }

    #[test]
    fn lines_like_commands_are_understood_or_refused(
        start in prop::sample::select(vec!["MAIL FROM:", "RCPT TO:", "BDAT ", "AUTH ", "EHLO "]),
        rest in "[<>@:\"\\\\ a-c=,;+ü]{0,30}",
    ) {
        let line = format!("{start}{rest}");
        match parse(line.as_bytes()) {
            Ok(SmtpCommand::Mail(command)) => prop_assert!(rest.contains(command.address)),
            Ok(SmtpCommand::Rcpt(command)) => prop_assert!(rest.contains(command.address)),
            _ => {}
        }
    }
}
