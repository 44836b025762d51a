//! What was observed of a session that failed, and how a row of the table asks for it.

use crate::capability::Capability;
use crate::settings::{ConnectionType, SmtpSettings};
use crate::stage::{Failure, Fault, Stage};
use crate::{Host, Reply};

/// What was observed of a session that failed.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    pub failure: &'a Failure,
    pub settings: &'a SmtpSettings,
    /// Whether the connection was encrypted when it failed.
    pub encrypted: bool,
    /// What the relay offered last in answer to EHLO; empty when it did not come so far.
    pub capabilities: &'a [Capability],
}

impl Observation<'_> {
    pub(super) fn at(&self, stages: &[Stage]) -> bool {
        stages.contains(&self.failure.stage)
    }

    pub(super) fn fault(&self, fault: &Fault) -> bool {
        self.failure.fault == *fault
    }

    /// The relay, or something in between, ended the connection.
    pub(super) fn hung_up(&self) -> bool {
        matches!(self.failure.fault, Fault::Closed | Fault::Reset)
    }

    /// The connection stands, and nothing of an answer came in time.
    pub(super) fn timed_out(&self) -> bool {
        self.fault(&Fault::TimedOut) && !self.failure.unfinished
    }

    /// The connection stands, and an answer began and did not end in time.
    pub(super) fn broke_off(&self) -> bool {
        self.fault(&Fault::TimedOut) && self.failure.unfinished
    }

    /// The relay said no with one of these codes.
    pub(super) fn code(&self, codes: &[u16]) -> bool {
        self.reply()
            .is_some_and(|reply| codes.contains(&reply.code))
    }

    /// The relay said no for good, with whatever code.
    pub(super) fn refused(&self) -> bool {
        self.reply().is_some_and(|reply| reply.code >= 500)
    }

    /// The relay said no for now, with whatever code.
    pub(super) fn deferred(&self) -> bool {
        self.reply().is_some_and(Reply::is_transient)
    }

    /// The relay gave one of these reasons: subject and detail of the enhanced status, for good or
    /// for now (RFC 3463 section 3).
    pub(super) fn status(&self, reasons: &[[u16; 2]]) -> bool {
        self.enhanced()
            .is_some_and(|[_, subject, detail]| reasons.contains(&[subject, detail]))
    }

    /// The relay gave a reason of security or policy (RFC 3463 section 3.8).
    pub(super) fn is_policy(&self) -> bool {
        self.enhanced().is_some_and(|[_, subject, _]| subject == 7)
    }

    /// The relay's words hold one of these, in small or capital letters. A reply of several lines
    /// reads as one.
    pub(super) fn says(&self, words: &[&str]) -> bool {
        let Some(reply) = self.reply() else {
            return false;
        };
        // Each line repeats it, in the middle of a sentence.
        let status = reply.enhanced.map(|[a, b, c]| format!("{a}.{b}.{c}"));
        let lines = reply.text.lines().map(|line| {
            let bare = status.as_deref().and_then(|code| line.strip_prefix(code));
            bare.unwrap_or(line).trim()
        });
        let said = lines.collect::<Vec<_>>().join(" ").to_lowercase();
        words.iter().any(|word| said.contains(word))
    }

    /// The relay's words are exactly these.
    pub(super) fn says_only(&self, words: &str) -> bool {
        self.reply().is_some_and(|reply| reply.text.trim() == words)
    }

    /// The host is of this domain.
    pub(super) fn host_in(&self, domain: &str) -> bool {
        match &self.settings.host {
            Host::Name(name) => name
                .strip_suffix(domain)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
            Host::Address(_) => false,
        }
    }

    pub(super) fn port(&self, ports: &[u16]) -> bool {
        ports.contains(&self.settings.port)
    }

    /// TLS from the first byte was chosen.
    pub(super) fn implicit_tls(&self) -> bool {
        self.settings.connection == ConnectionType::Ssl
    }

    /// The ways to sign in that the relay offers, where the chosen one is not among them.
    pub(super) fn offers_instead(&self) -> Option<&[String]> {
        match &self.failure.fault {
            Fault::MechanismNotOffered(offered) => Some(offered),
            _ => None,
        }
    }

    /// An offer was overwritten on the way: firewalls of Cisco's turn `STARTTLS` to `XXXXXXXA`,
    /// other offers to as many X, so that the length stays the same.
    pub(super) fn is_garbled(&self) -> bool {
        self.capabilities.iter().any(|capability| {
            let keyword = capability.keyword.as_bytes();
            keyword.len() >= 4
                && keyword[..keyword.len() - 1]
                    .iter()
                    .all(|byte| *byte == b'X')
        })
    }

    fn reply(&self) -> Option<&Reply> {
        let failure = self.failure;
        let rejected = failure.fault == Fault::Rejected;
        failure.reply.as_ref().filter(|_| rejected)
    }

    fn enhanced(&self) -> Option<[u16; 3]> {
        self.reply()?.enhanced
    }
}
