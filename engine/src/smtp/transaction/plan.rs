//! The commands of a transaction, built before the first is sent, and their pipelined groups.

use std::borrow::Cow;

use domain::{EmailAddress, Failure, Fault, Stage};

use super::envelope::{Envelope, RecipientResults};
use super::message::CheckedMessage;
use super::parameters::{Parameters, recipient_without_smtputf8};
use crate::smtp::names;
use crate::smtp::wire::{Capabilities, push_line};

/// The most octets of commands in one write, so that neither side waits for the other to read
/// (RFC 2920 section 3.1).
const GROUP_SIZE: usize = 8 * 1024;

/// A command of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Rset,
    Mail,
    Rcpt,
    Data,
    /// BDAT with the whole message and LAST (RFC 3030 section 2).
    Bdat,
}

impl Command {
    /// The stage it belongs to. RSET prepares MAIL.
    pub fn stage(self) -> Stage {
        match self {
            Self::Rset | Self::Mail => Stage::Mail,
            Self::Rcpt => Stage::Rcpt,
            Self::Data | Self::Bdat => Stage::Data,
        }
    }
}

/// The commands of one transaction: MAIL, RCPT for each recipient, and DATA or BDAT where there is a
/// message.
pub(crate) struct CommandPlan {
    lines: Vec<u8>,
    commands: Vec<PlannedCommand>,
    /// The recipients that no RCPT is sent for.
    left_out: Vec<LeftOut>,
}

/// A command, and where its line ends in [`CommandPlan::lines`].
#[derive(Clone, Copy)]
struct PlannedCommand {
    command: Command,
    end: usize,
}

/// A recipient that no RCPT is sent for.
struct LeftOut {
    /// The position in the envelope.
    index: usize,
    failure: Failure,
}

/// The commands that go out in one write.
pub(crate) struct CommandGroup<'a> {
    pub lines: &'a [u8],
    commands: &'a [PlannedCommand],
}

impl CommandGroup<'_> {
    /// The commands in their order.
    pub fn commands(&self) -> impl Iterator<Item = Command> {
        self.commands.iter().map(|planned| planned.command)
    }
}

impl CommandPlan {
    /// Builds the commands, with DATA last. `reset`: with RSET before them.
    ///
    /// # Errors
    /// What the mail needs and the relay does not offer, where it concerns all recipients.
    pub fn new(
        envelope: &Envelope,
        message: Option<CheckedMessage<'_>>,
        relay: &Capabilities,
        reset: bool,
    ) -> Result<Self, Failure> {
        let mut plan = Self::before_message(envelope, message, relay, reset)?;
        if message.is_some() {
            plan.push(Command::Data, &["DATA"])?;
        }
        Ok(plan)
    }

    /// Builds the commands, with BDAT for the whole message last. `reset` as for [`Self::new`].
    ///
    /// # Errors
    /// Those of [`Self::new`].
    pub fn chunked(
        envelope: &Envelope,
        message: CheckedMessage<'_>,
        relay: &Capabilities,
        reset: bool,
    ) -> Result<Self, Failure> {
        let mut plan = Self::before_message(envelope, Some(message), relay, reset)?;
        plan.push(
            Command::Bdat,
            &["BDAT ", &message.size().to_string(), " LAST"],
        )?;
        Ok(plan)
    }

    fn before_message(
        envelope: &Envelope,
        message: Option<CheckedMessage<'_>>,
        relay: &Capabilities,
        reset: bool,
    ) -> Result<Self, Failure> {
        if envelope.to.is_empty() && message.is_some() {
            let detail = "the mail has no recipient";
            return Err(Failure::new(Stage::Rcpt, Fault::Rejected, detail));
        }
        let parameters = Parameters::choose(envelope, message, relay)?;
        let mut plan = Self {
            lines: Vec::with_capacity(64 * (envelope.to.len() + 3)),
            commands: Vec::with_capacity(envelope.to.len() + 3),
            left_out: Vec::new(),
        };
        if reset {
            plan.push(Command::Rset, &["RSET"])?;
        }
        plan.push_mail(envelope.from.as_ref(), &parameters)?;
        for (index, recipient) in envelope.to.iter().enumerate() {
            let path = match recipient.needs_smtputf8() && !parameters.smtputf8 {
                true => Err(recipient_without_smtputf8(recipient)),
                false => path(recipient, parameters.smtputf8, Stage::Rcpt),
            };
            match path {
                Ok(path) => {
                    let parameters = parameters.of_rcpt(index);
                    plan.push(Command::Rcpt, &["RCPT TO:<", &path, ">", &parameters])?;
                }
                Err(failure) => plan.left_out.push(LeftOut { index, failure }),
            }
        }
        if !envelope.to.is_empty() && plan.left_out.len() == envelope.to.len() {
            return Err(plan.left_out.swap_remove(0).failure);
        }
        Ok(plan)
    }

    /// The lines of all commands.
    pub fn lines(&self) -> &[u8] {
        &self.lines
    }

    /// The command at this position.
    pub fn command(&self, at: usize) -> Option<Command> {
        self.commands.get(at).map(|planned| planned.command)
    }

    /// Where the line of the command at this position ends in [`CommandPlan::lines`].
    pub fn line_end(&self, at: usize) -> Option<usize> {
        self.commands.get(at).map(|planned| planned.end)
    }

    /// The number of RCPT commands.
    pub fn recipients(&self) -> usize {
        let commands = self.commands.iter();
        commands
            .filter(|planned| planned.command == Command::Rcpt)
            .count()
    }

    /// Adds the recipients that no RCPT was sent for to the results of the others.
    pub fn complete(&self, mut results: RecipientResults) -> RecipientResults {
        for left_out in &self.left_out {
            results.insert(left_out.index, Err(left_out.failure.clone()));
        }
        results
    }

    /// The commands in groups, each for one write. DATA is the last of its group, as RFC 2920
    /// section 3.1 demands. Without pipelining each command is a group.
    pub fn groups(&self, pipelining: bool) -> impl Iterator<Item = CommandGroup<'_>> {
        let most = if pipelining { GROUP_SIZE } else { 0 };
        let (mut first, mut start) = (0, 0);
        std::iter::from_fn(move || {
            let rest = self.commands.get(first..).filter(|rest| !rest.is_empty())?;
            let fitting = rest
                .partition_point(|planned| planned.end - start <= most)
                .max(1);
            let commands = &rest[..fitting];
            let end = commands.last().map_or(start, |planned| planned.end);
            let lines = &self.lines[start..end];
            (first, start) = (first + fitting, end);
            Some(CommandGroup { lines, commands })
        })
    }

    fn push_mail(
        &mut self,
        from: Option<&EmailAddress>,
        parameters: &Parameters<'_>,
    ) -> Result<(), Failure> {
        let path = match from {
            Some(from) => path(from, parameters.smtputf8, Stage::Mail)?,
            None => Cow::Borrowed(""),
        };
        let line = ["MAIL FROM:<", &path, ">", &parameters.of_mail()];
        self.push(Command::Mail, &line)
    }

    fn push(&mut self, command: Command, line: &[&str]) -> Result<(), Failure> {
        push_line(&mut self.lines, line)
            .map_err(|error| Failure::new(command.stage(), Fault::LineBreak, error.to_string()))?;
        self.commands.push(PlannedCommand {
            command,
            end: self.lines.len(),
        });
        Ok(())
    }
}

fn path(address: &EmailAddress, smtputf8: bool, stage: Stage) -> Result<Cow<'_, str>, Failure> {
    names::path(address, smtputf8).ok_or_else(|| {
        Failure::new(
            stage,
            Fault::SmtpUtf8NotOffered,
            format!("the domain of {} has no ASCII form", address.redacted()),
        )
    })
}

#[cfg(test)]
mod tests {
    use domain::mail::dsn::{MessageDsn, NotifyOn, RecipientDsn, ReturnContent};

    use super::*;

    fn plan(
        from: &str,
        to: &[&str],
        message: &str,
        relay: &Capabilities,
    ) -> Result<CommandPlan, Failure> {
        let envelope = Envelope {
            from: Some(from)
                .filter(|from| !from.is_empty())
                .map(|from| from.parse().unwrap()),
            to: to.iter().map(|to| to.parse().unwrap()).collect(),
            dsn: None,
        };
        CommandPlan::new(
            &envelope,
            CheckedMessage::new(message.as_bytes()),
            relay,
            false,
        )
    }

    #[test]
    fn parameters_are_declared_where_they_are_needed_and_offered() {
        let all = Capabilities {
            eight_bit_mime: true,
            smtputf8: true,
            size: Some(Some(100)),
            ..Capabilities::default()
        };
        for (from, to, message, relay, mail) in [
            (
                "a@b.example",
                "c@d.example",
                "x\r\n",
                &Capabilities::default(),
                "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>",
            ),
            (
                "a@b.example",
                "c@d.example",
                "x",
                &all,
                "MAIL FROM:<a@b.example> SIZE=3\r\nRCPT TO:<c@d.example>",
            ),
            (
                "",
                "c@d.example",
                "x",
                &all,
                "MAIL FROM:<> SIZE=3\r\nRCPT TO:<c@d.example>",
            ),
            (
                "a@bü.example",
                "c@dü.example",
                "x\r\n",
                &all,
                "MAIL FROM:<a@xn--b-eha.example> SIZE=3\r\nRCPT TO:<c@xn--d-eha.example>",
            ),
            (
                "a@b.example",
                "c@d.example",
                "\r\nü\r\n",
                &all,
                "MAIL FROM:<a@b.example> SIZE=6 BODY=8BITMIME\r\nRCPT TO:<c@d.example>",
            ),
            (
                "ü@bü.example",
                "c@d.example",
                "x\r\n",
                &all,
                "MAIL FROM:<ü@bü.example> SIZE=3 SMTPUTF8\r\nRCPT TO:<c@d.example>",
            ),
            (
                "a@b.example",
                "ü@d.example",
                "ü\r\n",
                &all,
                "MAIL FROM:<a@b.example> SIZE=4 BODY=8BITMIME SMTPUTF8\r\nRCPT TO:<ü@d.example>",
            ),
        ] {
            let plan = plan(from, &[to], message, relay).unwrap();
            assert_eq!(
                String::from_utf8(plan.lines).unwrap(),
                format!("{mail}\r\nDATA\r\n")
            );
        }
    }

    #[test]
    fn reports_are_asked_for_where_the_relay_offers_dsn() {
        let recipient = |notify: &str, orcpt: Option<&str>| RecipientDsn {
            notify: Some(NotifyOn::parse(notify).unwrap()),
            orcpt: orcpt.map(str::to_owned),
        };
        let envelope = Envelope {
            from: Some("a@b.example".parse().unwrap()),
            to: ["c@d.example", "ü@d.example", "e@d.example"]
                .iter()
                .map(|to| to.parse().unwrap())
                .collect(),
            dsn: Some(MessageDsn {
                ret: Some(ReturnContent::Headers),
                envid: Some("QQ+20314".to_owned()),
                recipients: vec![
                    RecipientDsn::default(),
                    recipient("NEVER", None),
                    recipient("DELAY,SUCCESS", Some("rfc822;Old@d.example")),
                ],
            }),
        };
        let message = || CheckedMessage::new(b"x\r\n").unwrap();
        for (dsn, smtputf8, expected) in [
            (
                true,
                true,
                "MAIL FROM:<a@b.example> SMTPUTF8 RET=HDRS ENVID=QQ+20314\r\n\
                 RCPT TO:<c@d.example>\r\nRCPT TO:<ü@d.example> NOTIFY=NEVER\r\n\
                 RCPT TO:<e@d.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Old@d.example\r\n",
            ),
            (
                true,
                false,
                "MAIL FROM:<a@b.example> RET=HDRS ENVID=QQ+20314\r\nRCPT TO:<c@d.example>\r\n\
                 RCPT TO:<e@d.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Old@d.example\r\n",
            ),
            (
                false,
                false,
                "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nRCPT TO:<e@d.example>\r\n",
            ),
        ] {
            let relay = Capabilities {
                smtputf8,
                dsn,
                ..Capabilities::default()
            };
            let plan = CommandPlan::new(&envelope, Some(message()), &relay, false).unwrap();
            let lines = String::from_utf8(plan.lines).unwrap();
            assert_eq!(lines, format!("{expected}DATA\r\n"));
            let plan = CommandPlan::chunked(&envelope, message(), &relay, true).unwrap();
            let lines = String::from_utf8(plan.lines).unwrap();
            assert_eq!(lines, format!("RSET\r\n{expected}BDAT 3 LAST\r\n"));
        }
    }

    #[test]
    fn messages_that_need_missing_extensions_are_refused() {
        let small = Capabilities {
            size: Some(Some(2)),
            ..Capabilities::default()
        };
        let none = Capabilities::default();
        for (from, to, message, relay, fault) in [
            ("a@b.example", "c@d.example", "x", &small, Fault::TooBig(2)),
            (
                "ü@b.example",
                "c@d.example",
                "x",
                &none,
                Fault::SmtpUtf8NotOffered,
            ),
            (
                "a@b.example",
                "ü@d.example",
                "x",
                &none,
                Fault::SmtpUtf8NotOffered,
            ),
            (
                "a@b.example",
                "c@d.example",
                "ü",
                &none,
                Fault::SmtpUtf8NotOffered,
            ),
            (
                "a@b.example",
                "c@d.example",
                "\r\nü",
                &none,
                Fault::EightBitNotOffered,
            ),
        ] {
            let failure = plan(from, &[to], message, relay).err().unwrap();
            assert_eq!((failure.stage, failure.fault), (Stage::Mail, fault));
        }
    }

    #[test]
    fn the_address_that_needs_smtputf8_is_named() {
        let to_header = "To: Ann <a@d.example>, B <ü@d.example>\r\n\r\n";
        for (from, to, message, expected) in [
            ("ü@b.example", "c@d.example", "x", "the sender ü@b.example "),
            (
                "a@b.example",
                "ü@d.example",
                "x",
                "the recipient ü@d.example ",
            ),
            (
                "a@b.example",
                "a@d.example",
                to_header,
                "To has the address ü@d.example,",
            ),
            (
                "a@b.example",
                "a@d.example",
                "Subject: gü\r\n",
                "Subject has the text “gü”",
            ),
        ] {
            let failure = plan(from, &[to], message, &Capabilities::default())
                .err()
                .unwrap();
            assert!(failure.detail.starts_with(expected), "{}", failure.detail);
            assert!(failure.detail.contains("relay with SMTPUTF8"));
        }
    }

    #[test]
    fn commands_are_grouped_only_with_pipelining() {
        let names: Vec<String> = (0..500)
            .map(|n| format!("recipient{n}@example.org"))
            .collect();
        let to: Vec<&str> = names.iter().map(String::as_str).collect();
        let sizes = |to: &[&str], pipelining| -> Vec<usize> {
            let plan = plan("a@b.example", to, "x", &Capabilities::default()).unwrap();
            let groups: Vec<_> = plan.groups(pipelining).collect();
            let lines: Vec<&[u8]> = groups.iter().map(|group| group.lines).collect();
            assert_eq!(lines.concat(), plan.lines);
            assert!(groups.iter().all(|group| group.lines.len() <= GROUP_SIZE));
            groups.iter().map(|group| group.commands.len()).collect()
        };
        assert_eq!(sizes(&to[..2], true), [4]);
        assert_eq!(sizes(&to[..2], false), [1, 1, 1, 1]);
        assert_eq!(sizes(&to, true).iter().sum::<usize>(), 502);
        assert!(sizes(&to, true).len() > 1);
    }
}
