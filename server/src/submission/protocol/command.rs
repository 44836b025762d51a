//! Parses command lines (RFC 5321 section 4.1, RFC 3030, RFC 3461, RFC 4954, RFC 6531).
//!
//! The parser is our own. That of `smtp-proto` ends lines at a bare LF as well as at CRLF and reads on in the
//! same input, which is what SMTP smuggling is made of; here a line is complete before it is parsed, and a
//! command is refused unless all of it is understood. Nothing is allocated.

use domain::mail::dsn::{NotifyOn, ReturnContent, check_envid, check_orcpt};

use super::replies::SmtpReply;
use crate::sendmail::queue::QUEUE_COMMAND;

/// The methods of HTTP that a browser or a crawler begins with.
const HTTP_METHODS: [&str; 9] = [
    "GET", "POST", "PUT", "CONNECT", "HEAD", "OPTIONS", "DELETE", "PATCH", "TRACE",
];

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpCommand<'a> {
    Ehlo(&'a str),
    Helo(&'a str),
    Mail(MailCommand<'a>),
    Rcpt(RcptCommand<'a>),
    Data,
    Bdat {
        octets: u64,
        is_last: bool,
    },
    Auth {
        mechanism: &'a str,
        initial: Option<&'a str>,
    },
    StartTls,
    Rset,
    Noop,
    Quit,
    Help,
    Vrfy,
    /// The queue as `mailq` prints it, over the Unix socket only.
    Queue,
}

/// MAIL and its parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MailCommand<'a> {
    /// The address between the brackets, without a source route; empty for the null sender.
    pub address: &'a str,
    /// The announced size, in octets.
    pub size: Option<u64>,
    pub is_smtputf8: bool,
    pub ret: Option<ReturnContent>,
    /// The value of ENVID, as received.
    pub envid: Option<&'a str>,
}

/// RCPT and its parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RcptCommand<'a> {
    /// The address between the brackets, without a source route.
    pub address: &'a str,
    pub notify: Option<NotifyOn>,
    /// The value of ORCPT, as received.
    pub orcpt: Option<&'a str>,
}

/// Why a line is no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandFault {
    /// The client speaks HTTP.
    Http,
    /// The reply to it.
    Refused(SmtpReply),
    /// The last reply: octets of a mail may follow that cannot be told from commands.
    Closing(SmtpReply),
}

impl From<SmtpReply> for CommandFault {
    fn from(reply: SmtpReply) -> Self {
        Self::Refused(reply)
    }
}

const NOT_TEXT: SmtpReply = SmtpReply::new(
    500,
    "5.5.2",
    "A command is UTF-8 without control characters",
);
pub const UNKNOWN: SmtpReply = SmtpReply::new(500, "5.5.1", "This command is not known");
const NO_EXPN: SmtpReply = SmtpReply::new(502, "5.5.1", "Lists are not expanded here");
const NO_ARGUMENT: SmtpReply = SmtpReply::new(501, "5.5.4", "This command has no argument");
const NO_NAME: SmtpReply =
    SmtpReply::new(501, "5.5.4", "Name your host, as in EHLO app.example.org");
const MAIL_SYNTAX: SmtpReply = SmtpReply::new(
    501,
    "5.5.2",
    "Send MAIL FROM:<address>, or MAIL FROM:<> without a sender",
);
const RCPT_SYNTAX: SmtpReply = SmtpReply::new(501, "5.5.2", "Send RCPT TO:<address>");
const BDAT_SYNTAX: SmtpReply = SmtpReply::new(501, "5.5.4", "Send BDAT size, or BDAT size LAST");
const AUTH_SYNTAX: SmtpReply = SmtpReply::new(501, "5.5.4", "Send AUTH PLAIN or AUTH LOGIN");
const UNKNOWN_PARAMETER: SmtpReply =
    SmtpReply::new(555, "5.5.4", "A parameter of this command is not known");
const TWICE: SmtpReply = SmtpReply::new(501, "5.5.4", "A parameter is given twice");
const SIZE_SYNTAX: SmtpReply = SmtpReply::new(501, "5.5.4", "SIZE is a number of octets");
const BODY_SYNTAX: SmtpReply = SmtpReply::new(501, "5.5.4", "BODY is 7BIT or 8BITMIME");
const NO_VALUE: SmtpReply = SmtpReply::new(501, "5.5.4", "SMTPUTF8 has no value");

/// Parses a line, without its CRLF.
///
/// # Errors
/// [`CommandFault`]
pub fn parse(line: &[u8]) -> Result<SmtpCommand<'_>, CommandFault> {
    command(line).map_err(|fault| match fault {
        CommandFault::Refused(reply) if begins_chunk(line) => CommandFault::Closing(reply),
        fault => fault,
    })
}

/// Whether a client sends a chunk behind the line, whatever is wrong with it.
fn begins_chunk(line: &[u8]) -> bool {
    line.split_at_checked(4).is_some_and(|(verb, rest)| {
        verb.eq_ignore_ascii_case(b"BDAT")
            && rest
                .first()
                .is_none_or(|octet| !octet.is_ascii_alphanumeric())
    })
}

fn command(line: &[u8]) -> Result<SmtpCommand<'_>, CommandFault> {
    let line = std::str::from_utf8(line).map_err(|_| NOT_TEXT)?;
    if line.contains(char::is_control) {
        return Err(NOT_TEXT.into());
    }
    let line = line.trim_end_matches(' ');
    let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
    if HTTP_METHODS.contains(&verb) {
        return Err(CommandFault::Http);
    }
    let is = |name: &str| verb.eq_ignore_ascii_case(name);
    let alone = |command| match argument {
        "" => Ok(command),
        _ => Err(CommandFault::from(NO_ARGUMENT)),
    };
    if is("MAIL") {
        return mail(argument).map(SmtpCommand::Mail);
    }
    if is("RCPT") {
        return rcpt(argument).map(SmtpCommand::Rcpt);
    }
    if is("BDAT") {
        return bdat(argument);
    }
    if is("DATA") {
        return alone(SmtpCommand::Data);
    }
    if is("EHLO") {
        return host(argument).map(SmtpCommand::Ehlo);
    }
    if is("HELO") {
        return host(argument).map(SmtpCommand::Helo);
    }
    if is("RSET") {
        return alone(SmtpCommand::Rset);
    }
    if is("QUIT") {
        return alone(SmtpCommand::Quit);
    }
    if is("STARTTLS") {
        return alone(SmtpCommand::StartTls);
    }
    if is("AUTH") {
        return auth(argument);
    }
    if is("NOOP") {
        return Ok(SmtpCommand::Noop);
    }
    if is("HELP") {
        return Ok(SmtpCommand::Help);
    }
    if is(QUEUE_COMMAND) {
        return alone(SmtpCommand::Queue);
    }
    if is("VRFY") {
        return Ok(SmtpCommand::Vrfy);
    }
    if is("EXPN") {
        return Err(NO_EXPN.into());
    }
    Err(UNKNOWN.into())
}

fn host(argument: &str) -> Result<&str, CommandFault> {
    match argument.contains(' ') || argument.is_empty() {
        true => Err(NO_NAME.into()),
        false => Ok(argument),
    }
}

fn mail(argument: &str) -> Result<MailCommand<'_>, CommandFault> {
    let (address, parameters) = path(argument, "FROM:").ok_or(MAIL_SYNTAX)?;
    let mut command = MailCommand {
        address,
        ..MailCommand::default()
    };
    let (mut has_body, mut has_auth) = (false, false);
    for (name, value) in parameters.map(parameter) {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let is_new = if is("SIZE") {
            let size = number(value.unwrap_or_default()).ok_or(SIZE_SYNTAX)?;
            command.size.replace(size).is_none()
        } else if is("BODY") {
            let value = value.unwrap_or_default();
            let known = ["7BIT", "8BITMIME"];
            if !known.iter().any(|body| value.eq_ignore_ascii_case(body)) {
                return Err(BODY_SYNTAX.into());
            }
            !std::mem::replace(&mut has_body, true)
        } else if is("SMTPUTF8") {
            if value.is_some() {
                return Err(NO_VALUE.into());
            }
            !std::mem::replace(&mut command.is_smtputf8, true)
        } else if is("RET") {
            let ret = value.unwrap_or_default().parse::<ReturnContent>();
            let ret = ret.map_err(invalid)?;
            command.ret.replace(ret).is_none()
        } else if is("ENVID") {
            let envid = value.unwrap_or_default();
            check_envid(envid).map_err(invalid)?;
            command.envid.replace(envid).is_none()
        } else if is("AUTH") && value.is_some() {
            // Who submitted the mail to the client (RFC 4954 section 5), which is not trusted.
            !std::mem::replace(&mut has_auth, true)
        } else {
            return Err(UNKNOWN_PARAMETER.into());
        };
        if !is_new {
            return Err(TWICE.into());
        }
    }
    Ok(command)
}

fn rcpt(argument: &str) -> Result<RcptCommand<'_>, CommandFault> {
    let (address, parameters) = path(argument, "TO:").ok_or(RCPT_SYNTAX)?;
    let mut command = RcptCommand {
        address,
        ..RcptCommand::default()
    };
    for (name, value) in parameters.map(parameter) {
        let value = value.unwrap_or_default();
        let is_new = if name.eq_ignore_ascii_case("NOTIFY") {
            let notify = NotifyOn::parse(value).map_err(invalid)?;
            command.notify.replace(notify).is_none()
        } else if name.eq_ignore_ascii_case("ORCPT") {
            check_orcpt(value).map_err(invalid)?;
            command.orcpt.replace(value).is_none()
        } else {
            return Err(UNKNOWN_PARAMETER.into());
        };
        if !is_new {
            return Err(TWICE.into());
        }
    }
    Ok(command)
}

fn invalid(text: &'static str) -> CommandFault {
    SmtpReply::new(501, "5.5.4", text).into()
}

/// Parses `FROM:<address> parameters` or `TO:<address> parameters`. As Postfix does, spaces are allowed before
/// the bracket, which some programs send. A source route is dropped (RFC 5321 section 4.1.1.3).
fn path<'a>(
    argument: &'a str,
    keyword: &str,
) -> Option<(&'a str, impl Iterator<Item = &'a str> + use<'a>)> {
    let start = argument.get(..keyword.len())?;
    if !start.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let rest = argument[keyword.len()..].trim_start_matches(' ');
    let rest = rest.strip_prefix('<')?;
    let end = end_of_path(rest)?;
    let (address, parameters) = (&rest[..end], &rest[end + 1..]);
    if !parameters.is_empty() && !parameters.starts_with(' ') {
        return None;
    }
    let address = match address.strip_prefix('@') {
        Some(route) => route.split_once(':')?.1,
        None => address,
    };
    let parameters = parameters.split(' ').filter(|part| !part.is_empty());
    Some((address, parameters))
}

/// The index of the bracket that ends a path: the first one that is not in a quoted string.
fn end_of_path(text: &str) -> Option<usize> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (index, octet) in text.bytes().enumerate() {
        match octet {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b'>' if !is_quoted => return Some(index),
            b'<' if !is_quoted => return None,
            _ => {}
        }
    }
    None
}

/// The name of a parameter and its value, which may be missing.
fn parameter(text: &str) -> (&str, Option<&str>) {
    match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    }
}

/// A number of 1 to 20 digits; the largest one for those that are too large.
fn number(text: &str) -> Option<u64> {
    let is_number = (1..=20).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

fn bdat(argument: &str) -> Result<SmtpCommand<'_>, CommandFault> {
    let (size, last) = argument.split_once(' ').unwrap_or((argument, ""));
    let octets = number(size).ok_or(BDAT_SYNTAX)?;
    let is_last = last.eq_ignore_ascii_case("LAST");
    if !is_last && !last.is_empty() {
        return Err(BDAT_SYNTAX.into());
    }
    Ok(SmtpCommand::Bdat { octets, is_last })
}

fn auth(argument: &str) -> Result<SmtpCommand<'_>, CommandFault> {
    let (mechanism, initial) = match argument.split_once(' ') {
        Some((mechanism, initial)) => (mechanism, Some(initial)),
        None => (argument, None),
    };
    if mechanism.is_empty() || initial.is_some_and(|initial| initial.contains(' ')) {
        return Err(AUTH_SYNTAX.into());
    }
    Ok(SmtpCommand::Auth { mechanism, initial })
}
