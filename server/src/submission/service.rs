//! The state that submission sessions share: engine, configuration, submitters without AUTH.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::Refusal;
use engine::{Actor, EnvelopeSubmission, Postern, Received, Repair};
use tokio_rustls::TlsAcceptor;

use super::client::SubmissionPeer;
use super::protocol::limits::SessionLimits;
use super::protocol::replies::{self, SmtpReply};
use super::protocol::session::FinishedMail;

/// The submitter of mail from programs on this machine that do not sign in.
#[derive(Clone, Debug, Default)]
pub struct LocalSubmitters {
    /// The address of an account; without one, the mail is of the submitter `local`.
    pub account: Option<String>,
    /// The addresses of accounts, by the user ids of programs that use the Unix socket.
    pub users: BTreeMap<u32, String>,
}

impl LocalSubmitters {
    /// The address of the account that a client submits mail as; `None` for the submitter `local`.
    fn account_of(&self, client: SubmissionPeer) -> Option<&str> {
        let of_user = client.uid().and_then(|uid| self.users.get(&uid));
        of_user.or(self.account.as_ref()).map(String::as_str)
    }
}

/// What all sessions share.
pub struct SubmissionService {
    pub postern: Postern,
    /// The name of this machine.
    pub host: Arc<str>,
    /// What a certificate and its key are for.
    pub tls: Option<TlsAcceptor>,
    pub submitters: LocalSubmitters,
    pub limits: SessionLimits,
    pub repair: Repair,
}

impl SubmissionService {
    /// The submitter of a client that does not sign in; `None` where it must, or its account is unknown or
    /// disabled.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn local_actor(&self, client: SubmissionPeer) -> Result<Option<Actor>, Refusal> {
        if !client.is_local() {
            return Ok(None);
        }
        let Some(email) = self.submitters.account_of(client) else {
            let mut actor = Actor::local_sender(client.uid());
            actor.origin = client.origin();
            return Ok(Some(actor));
        };
        let accounts = self.postern.accounts();
        let actor = accounts.sender_by_email(email, client.origin()).await?;
        if actor.is_none() {
            tracing::warn!(
                %client,
                account = email,
                "the account of local mail is unknown or disabled (--local-account, --submit-users)"
            );
        }
        Ok(actor)
    }

    /// Accepts a mail, and returns the reply to it: 250 once it is on disk.
    pub async fn accept(
        &self,
        client: SubmissionPeer,
        mail: FinishedMail,
        bytes: Vec<u8>,
    ) -> SmtpReply {
        let submission = EnvelopeSubmission {
            envelope: mail.envelope,
            bytes,
            received: Received {
                helo: mail.helo,
                peer: client.in_trace(&self.host),
                protocol: mail.protocol,
                host: self.host.to_string(),
            },
            repair: self.repair,
        };
        let outbox = self.postern.outbox();
        match outbox.accept_envelope(&mail.actor, submission).await {
            Ok(accepted) => replies::accepted(&accepted.ids),
            Err(refusal) => {
                let reply = replies::refused(&refusal);
                tracing::info!(
                    %client,
                    account = mail.actor.name(),
                    code = reply.code,
                    status = reply.status,
                    "mail refused"
                );
                reply
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_of_a_program_is_that_of_its_user_or_of_all() {
        let users = BTreeMap::from([(33, "web@example.org".to_owned())]);
        let tcp = SubmissionPeer::tcp([127, 0, 0, 1].into());
        let unix = SubmissionPeer::Unix;
        for (account, client, expected) in [
            (None, tcp, None),
            (None, unix(33), Some("web@example.org")),
            (None, unix(34), None),
            (Some("all@example.org"), tcp, Some("all@example.org")),
            (Some("all@example.org"), unix(33), Some("web@example.org")),
            (Some("all@example.org"), unix(34), Some("all@example.org")),
        ] {
            let submitters = LocalSubmitters {
                account: account.map(str::to_owned),
                users: users.clone(),
            };
            assert_eq!(submitters.account_of(client), expected, "{client}");
        }
    }
}
