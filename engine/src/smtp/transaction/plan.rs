//! The commands of a mail, worded before the first is sent.

use std::borrow::Cow;

use domain::{EmailAddress, Failure, Fault, Stage};

use crate::smtp::names;
use crate::smtp::transaction::Envelope;
use crate::smtp::transaction::delivery::RecipientResults;
use crate::smtp::transaction::message::Message;
use crate::smtp::wire::capabilities::Capabilities;
use crate::smtp::wire::push_line;

/// The most octets of commands in one write, so that neither side waits for the other to read
/// (RFC 2920 section 3.1).
const GROUP: usize = 8 * 1024;

/// A command of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Rset,
    Mail,
    Rcpt,
    Data,
}

impl Command {
    /// RSET clears the way for MAIL.
    pub fn stage(self) -> Stage {
        match self {
            Self::Rset | Self::Mail => Stage::Mail,
            Self::Rcpt => Stage::Rcpt,
            Self::Data => Stage::Data,
        }
    }
}

/// MAIL, RCPT for each recipient, DATA; without a mail to send, no DATA.
pub(crate) struct CommandPlan {
    lines: Vec<u8>,
    /// Of each command where its line ends.
    commands: Vec<(Command, usize)>,
    /// The recipients that the relay is not asked about, by their place in the envelope.
    left_out: Vec<(usize, Failure)>,
}

impl CommandPlan {
    /// `reset`: with RSET before all.
    ///
    /// # Errors
    /// What the relay did not say it takes, where it concerns all recipients.
    pub fn write(
        envelope: &Envelope,
        message: Option<Message<'_>>,
        relay: &Capabilities,
        reset: bool,
    ) -> Result<Self, Failure> {
        let refused = |fault, detail: String| Err(Failure::new(Stage::Mail, fault, detail));
        if envelope.to.is_empty() && message.is_some() {
            let detail = "the mail has no recipient";
            return Err(Failure::new(Stage::Rcpt, Fault::Rejected, detail));
        }
        if let (Some(Some(limit)), Some(message)) = (relay.size, message)
            && message.size() as u64 > limit
        {
            let detail = format!(
                "the mail has {} bytes, the relay takes {limit}",
                message.size()
            );
            return refused(Fault::TooBig(limit), detail);
        }
        let eight_bit = message.is_some_and(|message| message.eight_bit);
        let needed = message.is_some_and(|message| message.eight_bit_header)
            || envelope.from.needs_smtputf8();
        if needed && !relay.smtputf8 {
            return Err(without_smtputf8());
        }
        let smtputf8 =
            needed || (relay.smtputf8 && envelope.to.iter().any(EmailAddress::needs_smtputf8));
        if eight_bit && !relay.eight_bit_mime {
            return refused(
                Fault::EightBitNotOffered,
                "the mail needs 8BITMIME, which the relay does not offer".to_owned(),
            );
        }

        let mut plan = Self {
            lines: Vec::with_capacity(64 * (envelope.to.len() + 3)),
            commands: Vec::with_capacity(envelope.to.len() + 3),
            left_out: Vec::new(),
        };
        if reset {
            plan.push(Command::Rset, &["RSET"])?;
        }
        let size = message
            .filter(|_| relay.size.is_some())
            .map(|message| format!(" SIZE={}", message.size()));
        let mail = [
            "MAIL FROM:<",
            &path(&envelope.from, smtputf8, Stage::Mail)?,
            ">",
            size.as_deref().unwrap_or_default(),
            if eight_bit { " BODY=8BITMIME" } else { "" },
            if smtputf8 { " SMTPUTF8" } else { "" },
        ];
        plan.push(Command::Mail, &mail)?;
        for (index, recipient) in envelope.to.iter().enumerate() {
            let path = match recipient.needs_smtputf8() && !smtputf8 {
                true => Err(without_smtputf8()),
                false => path(recipient, smtputf8, Stage::Rcpt),
            };
            match path {
                Ok(path) => plan.push(Command::Rcpt, &["RCPT TO:<", &path, ">"])?,
                // The others need not suffer for it.
                Err(failure) => plan.left_out.push((index, failure)),
            }
        }
        if !envelope.to.is_empty() && plan.left_out.len() == envelope.to.len() {
            return Err(plan.left_out.swap_remove(0).1);
        }
        if message.is_some() {
            plan.push(Command::Data, &["DATA"])?;
        }
        Ok(plan)
    }

    /// How many recipients the relay is asked about.
    pub fn recipients(&self) -> usize {
        let asked = self
            .commands
            .iter()
            .filter(|(command, _)| *command == Command::Rcpt);
        asked.count()
    }

    /// Puts those it is not asked about where they stand in the envelope.
    pub fn complete(&self, mut fates: RecipientResults) -> RecipientResults {
        for (index, failure) in &self.left_out {
            fates.insert(*index, Err(failure.clone()));
        }
        fates
    }

    /// The lines of each write, with its commands. DATA is the last of its group, as
    /// RFC 2920 section 3.1 asks.
    pub fn groups(&self, pipelining: bool) -> impl Iterator<Item = (&[u8], &[(Command, usize)])> {
        let most = if pipelining { GROUP } else { 0 };
        let (mut first, mut start) = (0, 0);
        std::iter::from_fn(move || {
            let rest = self.commands.get(first..).filter(|rest| !rest.is_empty())?;
            let fitting = rest.partition_point(|(_, end)| end - start <= most).max(1);
            let group = &rest[..fitting];
            let end = group.last().map_or(start, |(_, end)| *end);
            let lines = &self.lines[start..end];
            (first, start) = (first + fitting, end);
            Some((lines, group))
        })
    }

    fn push(&mut self, command: Command, line: &[&str]) -> Result<(), Failure> {
        push_line(&mut self.lines, line)
            .map_err(|error| Failure::new(command.stage(), Fault::LineBreak, error.to_string()))?;
        self.commands.push((command, self.lines.len()));
        Ok(())
    }
}

fn without_smtputf8() -> Failure {
    let detail = "an address or the mail's header needs SMTPUTF8, which the relay does not offer";
    Failure::new(Stage::Mail, Fault::SmtpUtf8NotOffered, detail)
}

fn path(address: &EmailAddress, smtputf8: bool, stage: Stage) -> Result<Cow<'_, str>, Failure> {
    names::path(address, smtputf8).ok_or_else(|| {
        Failure::new(
            stage,
            Fault::SmtpUtf8NotOffered,
            format!("the domain of {} has no form in ASCII", address.redacted()),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(
        from: &str,
        to: &[&str],
        message: &str,
        relay: &Capabilities,
    ) -> Result<CommandPlan, Failure> {
        let envelope = Envelope {
            from: from.parse().unwrap(),
            to: to.iter().map(|to| to.parse().unwrap()).collect(),
        };
        CommandPlan::write(&envelope, Message::check(message.as_bytes()), relay, false)
    }

    #[test]
    fn what_is_needed_and_offered_is_declared() {
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
            let plan = write(from, &[to], message, relay).unwrap();
            assert_eq!(
                String::from_utf8(plan.lines).unwrap(),
                format!("{mail}\r\nDATA\r\n")
            );
        }
    }

    #[test]
    fn what_is_needed_and_not_offered_is_refused() {
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
            let failure = write(from, &[to], message, relay).err().unwrap();
            assert_eq!((failure.stage, failure.fault), (Stage::Mail, fault));
        }
    }

    #[test]
    fn commands_go_out_in_one_write_or_one_by_one() {
        let names: Vec<String> = (0..500)
            .map(|n| format!("recipient{n}@example.org"))
            .collect();
        let to: Vec<&str> = names.iter().map(String::as_str).collect();
        let sizes = |to: &[&str], pipelining| -> Vec<usize> {
            let plan = write("a@b.example", to, "x", &Capabilities::default()).unwrap();
            let groups: Vec<_> = plan.groups(pipelining).collect();
            assert_eq!(groups.concat_lines(), plan.lines);
            assert!(groups.iter().all(|(lines, _)| lines.len() <= GROUP));
            groups.iter().map(|(_, commands)| commands.len()).collect()
        };
        assert_eq!(sizes(&to[..2], true), [4]);
        assert_eq!(sizes(&to[..2], false), [1, 1, 1, 1]);
        assert_eq!(sizes(&to, true).iter().sum::<usize>(), 502);
        assert!(sizes(&to, true).len() > 1);
    }

    trait ConcatLines {
        fn concat_lines(&self) -> Vec<u8>;
    }

    impl ConcatLines for Vec<(&[u8], &[(Command, usize)])> {
        fn concat_lines(&self) -> Vec<u8> {
            self.iter().flat_map(|(lines, _)| lines.to_vec()).collect()
        }
    }
}
