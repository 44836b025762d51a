//! The observation of a failed session, and the predicates the rules are made of.

use crate::capability::Capability;
use crate::settings::{ConnectionType, SmtpSettings};
use crate::stage::{Failure, Fault, Stage};
use crate::{Host, Reply, host};

/// The observation of a failed session.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// The failure.
    pub failure: &'a Failure,
    /// The settings of the session.
    pub settings: &'a SmtpSettings,
    /// Whether the connection was encrypted when it failed.
    pub encrypted: bool,
    /// The extensions of the last reply to EHLO; empty without one.
    pub capabilities: &'a [Capability],
}

impl Observation<'_> {
    pub(super) fn at(&self, stages: &[Stage]) -> bool {
        stages.contains(&self.failure.stage)
    }

    pub(super) fn fault(&self, fault: &Fault) -> bool {
        self.failure.fault == *fault
    }

    /// Whether the connection was closed or reset by the relay or a middlebox.
    pub(super) fn hung_up(&self) -> bool {
        matches!(self.failure.fault, Fault::Closed | Fault::Reset)
    }

    /// Whether no part of a reply arrived in time.
    pub(super) fn timed_out(&self) -> bool {
        self.fault(&Fault::TimedOut) && !self.failure.unfinished
    }

    /// Whether only a part of a reply arrived in time.
    pub(super) fn broke_off(&self) -> bool {
        self.fault(&Fault::TimedOut) && self.failure.unfinished
    }

    /// Whether the reply has one of these codes.
    pub(super) fn code(&self, codes: &[u16]) -> bool {
        self.reply()
            .is_some_and(|reply| codes.contains(&reply.code))
    }

    /// Whether the reply is a permanent failure, 5xx.
    pub(super) fn refused(&self) -> bool {
        self.reply().is_some_and(|reply| reply.code >= 500)
    }

    /// Whether the reply is a transient failure, 4xx.
    pub(super) fn deferred(&self) -> bool {
        self.reply().is_some_and(Reply::is_transient)
    }

    /// Whether subject and detail of the enhanced status code are one of these (RFC 3463 section 3).
    pub(super) fn status(&self, reasons: &[[u16; 2]]) -> bool {
        self.enhanced()
            .is_some_and(|[_, subject, detail]| reasons.contains(&[subject, detail]))
    }

    /// Whether the enhanced status code is about security or policy (RFC 3463 section 3.8).
    pub(super) fn is_policy(&self) -> bool {
        self.enhanced().is_some_and(|[_, subject, _]| subject == 7)
    }

    /// Whether the reply text contains one of these phrases, case-insensitive and across line breaks.
    pub(super) fn says(&self, words: &[&str]) -> bool {
        let Some(reply) = self.reply() else {
            return false;
        };
        // Each line repeats the enhanced status code, which would split a phrase.
        let status = reply.enhanced.map(|[a, b, c]| format!("{a}.{b}.{c}"));
        let lines = reply.text.lines().map(|line| {
            let bare = status.as_deref().and_then(|code| line.strip_prefix(code));
            bare.unwrap_or(line).trim()
        });
        let said = lines.collect::<Vec<_>>().join(" ").to_lowercase();
        words.iter().any(|word| said.contains(word))
    }

    /// Whether the reply text is exactly `words`.
    pub(super) fn says_only(&self, words: &str) -> bool {
        self.reply().is_some_and(|reply| reply.text.trim() == words)
    }

    /// Whether the host is `domain` or a name below it.
    pub(super) fn host_in(&self, domain: &str) -> bool {
        match &self.settings.host {
            Host::Name(name) => host::is_within(name, domain),
            Host::Address(_) => false,
        }
    }

    pub(super) fn port(&self, ports: &[u16]) -> bool {
        ports.contains(&self.settings.port)
    }

    /// Whether the connection type is implicit TLS.
    pub(super) fn implicit_tls(&self) -> bool {
        self.settings.connection == ConnectionType::Ssl
    }

    /// The offered mechanisms, when the configured one is not among them.
    pub(super) fn offers_instead(&self) -> Option<&[String]> {
        match &self.failure.fault {
            Fault::MechanismNotOffered(offered) => Some(offered),
            _ => None,
        }
    }

    /// Whether a middlebox overwrote an EHLO keyword: Cisco firewalls replace `STARTTLS` by `XXXXXXXA`
    /// and other keywords by as many X.
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
