//! The evidence of a failure: the observation with its reply read, and the predicates of the rules.

use super::text::ReplyText;
use crate::cause::observation::Observation;
use crate::mail::host;
use crate::settings::{AuthenticationType, ConnectionType};
use crate::smtp::stage::{Fault, Stage};
use crate::{Host, Reply};

/// An observation whose reply was read once for all rules.
pub struct Evidence<'a> {
    pub observation: &'a Observation<'a>,
    read: ReplyText,
}

impl<'a> Evidence<'a> {
    pub fn of(observation: &'a Observation<'a>) -> Self {
        let read = rejection(observation).map(ReplyText::of);
        Self {
            observation,
            read: read.unwrap_or_default(),
        }
    }

    /// The text of the reply; empty without one.
    pub fn text(&self) -> &str {
        &self.read.text
    }

    pub fn at(&self, stages: &[Stage]) -> bool {
        stages.contains(&self.observation.failure.stage)
    }

    /// Whether the failure is the reply to a command of a mail transaction.
    pub fn in_transaction(&self) -> bool {
        self.at(&[Stage::Mail, Stage::Rcpt, Stage::Data])
    }

    pub fn fault(&self, fault: &Fault) -> bool {
        self.observation.failure.fault == *fault
    }

    /// Whether the connection was closed or reset by the relay or a middlebox.
    pub fn hung_up(&self) -> bool {
        matches!(self.observation.failure.fault, Fault::Closed | Fault::Reset)
    }

    /// Whether no part of a reply arrived in time.
    pub fn timed_out(&self) -> bool {
        self.fault(&Fault::TimedOut) && !self.observation.failure.unfinished
    }

    /// Whether only a part of a reply arrived in time.
    pub fn broke_off(&self) -> bool {
        self.fault(&Fault::TimedOut) && self.observation.failure.unfinished
    }

    /// Whether the relay replied with 4xx or 5xx.
    pub fn rejected(&self) -> bool {
        self.reply().is_some()
    }

    /// Whether the reply has one of these codes.
    pub fn code(&self, codes: &[u16]) -> bool {
        self.reply()
            .is_some_and(|reply| codes.contains(&reply.code))
    }

    /// Whether the reply is a permanent failure, 5xx.
    pub fn refused(&self) -> bool {
        self.reply().is_some_and(|reply| reply.code >= 500)
    }

    /// Whether the reply is a transient failure, 4xx.
    pub fn deferred(&self) -> bool {
        self.reply().is_some_and(Reply::is_transient)
    }

    /// Whether subject and detail of the enhanced status code are one of these (RFC 3463 section 3).
    pub fn status(&self, reasons: &[[u16; 2]]) -> bool {
        self.enhanced()
            .is_some_and(|[_, subject, detail]| reasons.contains(&[subject, detail]))
    }

    /// The enhanced status code, if there is one (RFC 3463).
    pub fn enhanced(&self) -> Option<[u16; 3]> {
        self.reply()?.enhanced
    }

    /// Whether the text contains one of these phrases.
    pub fn says(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.read.text.contains(word))
    }

    /// Whether the reply text is exactly `words`.
    pub fn says_only(&self, words: &str) -> bool {
        self.reply().is_some_and(|reply| reply.text.trim() == words)
    }

    /// Whether the reply names the sender's address and not the recipient's.
    pub fn names_sender(&self) -> bool {
        let names = |address: &str| {
            let address = address.to_lowercase();
            self.read.addresses.contains(&address)
        };
        let Observation {
            sender, recipient, ..
        } = self.observation;
        names(sender) && !recipient.is_some_and(names)
    }

    /// Whether the recipient is in the sender's domain or one that the host is in.
    pub fn recipient_is_local(&self) -> bool {
        let domain = |address: &'a str| address.rsplit_once('@').map(|(_, domain)| domain);
        let recipient = self.observation.recipient.and_then(domain);
        recipient.is_some_and(|recipient| {
            let own = domain(self.observation.sender);
            own.is_some_and(|own| own.eq_ignore_ascii_case(recipient)) || self.host_in(recipient)
        })
    }

    /// Whether the settings have a sign-in.
    pub fn signs_in(&self) -> bool {
        self.observation.settings.authentication != AuthenticationType::None
    }

    /// Whether the host is `domain` or a name below it.
    pub fn host_in(&self, domain: &str) -> bool {
        match &self.observation.settings.host {
            Host::Name(name) => host::is_within(name, domain),
            Host::Address(_) => false,
        }
    }

    pub fn port(&self, ports: &[u16]) -> bool {
        ports.contains(&self.observation.settings.port)
    }

    /// Whether the connection type is implicit TLS.
    pub fn implicit_tls(&self) -> bool {
        self.observation.settings.connection == ConnectionType::Ssl
    }

    /// Whether the connection was encrypted when it failed.
    pub fn encrypted(&self) -> bool {
        self.observation.encrypted
    }

    /// The offered mechanisms, when the configured one is not among them.
    pub fn offers_instead(&self) -> Option<&[String]> {
        match &self.observation.failure.fault {
            Fault::MechanismNotOffered(offered) => Some(offered),
            _ => None,
        }
    }

    /// Whether the relay offers STARTTLS.
    pub fn offers_start_tls(&self) -> bool {
        let mut capabilities = self.observation.capabilities.iter();
        capabilities.any(|capability| capability.keyword == "STARTTLS")
    }

    /// Whether a middlebox overwrote an EHLO keyword: Cisco firewalls replace `STARTTLS` by `XXXXXXXA`
    /// and other keywords by as many X.
    pub fn is_garbled(&self) -> bool {
        self.observation.capabilities.iter().any(|capability| {
            let keyword = capability.keyword.as_bytes();
            keyword.len() >= 4
                && keyword[..keyword.len() - 1]
                    .iter()
                    .all(|byte| *byte == b'X')
        })
    }

    fn reply(&self) -> Option<&Reply> {
        rejection(self.observation)
    }
}

/// The reply that refused a command.
fn rejection<'a>(observation: &Observation<'a>) -> Option<&'a Reply> {
    let failure = observation.failure;
    let rejected = failure.fault == Fault::Rejected;
    failure.reply.as_ref().filter(|_| rejected)
}
